/* sweep bench trainer: this machine's peak and what training makes of it, as a table of 80 columns or as JSON. */
#include "bench/trainer.h"
#include "model/kernels.h"
#include "orchestrator/command.h"
#include "orchestrator/precision.h"

#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <string.h>

static json_t *case_json(const struct bench_case *measured, int precision, const struct bench_result *result,
                         double peak) {
    return json_pack(
        "{s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o}", "case", measured->name, "precision", precision_names[precision],
        "tokens_per_second", command_number(result->tokens_per_second), "gflops", command_number(result->gflops),
        "fraction_of_peak", command_number(result->gflops / peak), "peak_memory_bytes",
        isfinite(result->peak_memory_bytes) ? json_integer((json_int_t)result->peak_memory_bytes) : json_null(),
        "dropout_cost", command_number(result->dropout_cost), "scaling", command_number(result->scaling));
}

/* The last column is for several threads. */
static void print_head(const struct bench_peak peaks[PRECISIONS]) {
    const int threads = omp_get_max_threads();
    printf("kernels %s, %d thread%s\n", kernels_isa(), threads, threads == 1 ? "" : "s");
    for (int precision = 0; precision < PRECISIONS; precision++)
        printf("peak %s %10.1f GFLOP/s; products in the nearest cache %.1f (%.1f %%)\n", precision_names[precision],
               peaks[precision].gflops, peaks[precision].cached_gflops,
               100 * peaks[precision].cached_gflops / peaks[precision].gflops);
    printf("\n%-7s      %4s x %-5s %8s %8s %8s %9s %8s%s\n", "case", "B", "T", "tokens/s", "GFLOP/s", "of peak",
           "memory", "dropout", threads > 1 ? "  threads" : "");
    fflush(stdout);
}

static void print_case(const struct bench_case *measured, int precision, const struct bench_result *result,
                       double peak) {
    char memory[16] = "-";
    if (isfinite(result->peak_memory_bytes))
        snprintf(memory, sizeof memory, "%.0f MiB", result->peak_memory_bytes * 0x1p-20);
    printf("%-7s %s %4u x %-5u %8.0f %8.1f %6.1f %% %9s %+6.1f %%", measured->name, precision_names[precision],
           measured->batch, measured->sequence, result->tokens_per_second, result->gflops, 100 * result->gflops / peak,
           memory, 100 * result->dropout_cost);
    if (isfinite(result->scaling))
        printf(" %6.2f x", result->scaling);
    putchar('\n');
    fflush(stdout);
}

static void print_legend(const struct bench_case *whole, int precision, double model_share) {
    const int threads = omp_get_max_threads();
    printf("\ndropout: what the study's 0.1 adds to the time of a step.\n");
    if (threads > 1)
        printf("threads: how much faster a step is with %d threads than with one.\n", threads);
    printf("A whole worker (%s %s; data, evaluation of 1 %% of its tokens, messages)\n"
           "spends %.2f %% of its time in model code.\n",
           whole->name, precision_names[precision], 100 * model_share);
}

/* The number of the case by this name. */
static int find_case(const char *name, int *number_of_case, struct error *error) {
    for (int i = 0; i < BENCH_CASES; i++)
        if (strcmp(bench_case_at(i).name, name) == 0) {
            *number_of_case = i;
            return 0;
        }
    return error_set(error, ERROR_INPUT, "bench trainer: no case '%s'; nano, scale0, scale3 or scale8", name);
}

/* What the command line asks for: cases and precisions from first to last. */
struct selection {
    bool json;
    int first_case, last_case, first_precision, last_precision;
};

/* 1: help was asked for and given. */
static int select_cases(const struct command *command, int count, char **words, struct selection *selection,
                        struct error *error) {
    const char *name = NULL, *precision = NULL;
    *selection = (struct selection){.last_case = BENCH_CASES - 1, .last_precision = PRECISIONS - 1};
    const struct option options[] = {
        {.name = "--json", .help = "one JSON object instead of the table", .flag = &selection->json},
        {.name = "--case", .value = "NAME", .help = "nano, scale0, scale3 or scale8 alone", .text = &name},
        {.name = "--precision", .value = "P", .help = "fp32 or bf16 alone", .text = &precision},
        {0},
    };
    const int parsed = command_parse(command, options, count, words, NULL, 0, 0, error);
    if (parsed != 0)
        return parsed;
    if (name) {
        if (find_case(name, &selection->first_case, error) != 0)
            return -1;
        selection->last_case = selection->first_case;
    }
    if (precision) {
        enum model_precision alone;
        if (precision_parse(precision, &alone) != 0)
            return error_set(error, ERROR_INPUT, "bench trainer: no precision '%s'; fp32 or bf16", precision);
        selection->first_precision = selection->last_precision = (int)alone;
    }
    return 0;
}

/* Measures what was selected into cases, and prints it unless JSON is asked for. */
static int measure_cases(const struct selection *selection, const struct bench_peak peaks[PRECISIONS], json_t *cases,
                         struct error *error) {
    for (int i = selection->first_case; i <= selection->last_case; i++) {
        const struct bench_case measured = bench_case_at(i);
        for (int precision = selection->first_precision; precision <= selection->last_precision; precision++) {
            struct bench_result result;
            if (bench_trainer(&measured, (enum model_precision)precision, &result, error) != 0)
                return -1;
            json_array_append_new(cases, case_json(&measured, precision, &result, peaks[precision].gflops));
            if (!selection->json)
                print_case(&measured, precision, &result, peaks[precision].gflops);
        }
    }
    return 0;
}

int command_bench_trainer(const struct command *command, int count, char **words, struct error *error) {
    struct selection selection;
    struct bench_peak peaks[PRECISIONS];
    double model_share;
    const int selected = select_cases(command, count, words, &selection, error);
    if (selected != 0)
        return selected < 0 ? -1 : 0;
    if (kernels_choose(error) != 0)
        return -1;
    for (int precision = 0; precision < PRECISIONS; precision++)
        if (bench_peak((enum model_precision)precision, &peaks[precision], error) != 0)
            return -1;
    if (!selection.json)
        print_head(peaks);
    /* The smallest case in the faster precision is the hardest for a worker: the least model code a token. */
    const struct bench_case smallest = bench_case_at(0);
    const int fastest = selection.last_precision;
    json_t *cases = json_array();
    if (measure_cases(&selection, peaks, cases, error) != 0 ||
        bench_worker(&smallest, (enum model_precision)fastest, &model_share, error) != 0) {
        json_decref(cases);
        return -1;
    }
    if (selection.json)
        return command_print_json(
            json_pack("{s:s, s:i, s:{s:f, s:f}, s:{s:f, s:f}, s:o, s:f}", "isa", kernels_isa(), "threads",
                      omp_get_max_threads(), "peak_gflops", precision_names[MODEL_FP32], peaks[MODEL_FP32].gflops,
                      precision_names[MODEL_BF16], peaks[MODEL_BF16].gflops, "cached_gflops",
                      precision_names[MODEL_FP32], peaks[MODEL_FP32].cached_gflops, precision_names[MODEL_BF16],
                      peaks[MODEL_BF16].cached_gflops, "cases", cases, "worker_model_share", model_share),
            error);
    json_decref(cases);
    print_legend(&smallest, fastest, model_share);
    return 0;
}
