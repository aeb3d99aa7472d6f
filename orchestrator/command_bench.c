/* sweep bench trainer: this machine's peak and what training makes of it, as a table of 80 columns or as JSON. */
#include "bench/trainer.h"
#include "model/kernels.h"
#include "orchestrator/command.h"

#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <string.h>

/* What is unknown is null. */
static json_t *number(double value) {
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *case_json(const struct bench_case *measured, const struct bench_result *result, double peak) {
    return json_pack("{s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o}", "case", measured->name, "precision", "fp32",
                     "tokens_per_second", number(result->tokens_per_second), "gflops", number(result->gflops),
                     "fraction_of_peak", number(result->gflops / peak), "peak_memory_bytes",
                     isfinite(result->peak_memory_bytes) ? json_integer((json_int_t)result->peak_memory_bytes)
                                                         : json_null(),
                     "dropout_cost", number(result->dropout_cost), "scaling", number(result->scaling));
}

static void print_case(const struct bench_case *measured, const struct bench_result *result, double peak) {
    char scaling[16] = "-", memory[16] = "-";
    if (isfinite(result->scaling))
        snprintf(scaling, sizeof scaling, "%.2f x", result->scaling);
    if (isfinite(result->peak_memory_bytes))
        snprintf(memory, sizeof memory, "%.0f MiB", result->peak_memory_bytes * 0x1p-20);
    printf("%-7s fp32 %4u x %-5u %8.0f %8.1f %8.1f %% %9s %+8.1f %% %9s\n", measured->name, measured->batch,
           measured->sequence, result->tokens_per_second, result->gflops, 100 * result->gflops / peak, memory,
           100 * result->dropout_cost, scaling);
    fflush(stdout);
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

int command_bench_trainer(const struct command *command, int count, char **words, struct error *error) {
    bool json = false;
    const char *name = NULL, *precision = "fp32";
    const struct option options[] = {
        {.name = "--json", .help = "one JSON object instead of the table", .flag = &json},
        {.name = "--case", .value = "NAME", .help = "nano, scale0, scale3 or scale8 alone", .text = &name},
        {.name = "--precision", .value = "P", .help = "fp32", .text = &precision},
        {0},
    };
    const int parsed = command_parse(command, options, count, words, NULL, 0, 0, error);
    if (parsed != 0)
        return parsed < 0 ? -1 : 0;
    if (strcmp(precision, "fp32") != 0)
        return error_set(error, ERROR_INPUT, "bench trainer: --precision %s; the trainer has fp32 alone", precision);
    int first = 0, last = BENCH_CASES - 1;
    if (name) {
        if (find_case(name, &first, error) != 0)
            return -1;
        last = first;
    }

    double peak, model_share;
    if (kernels_choose(error) != 0 || bench_peak(&peak, error) != 0)
        return -1;
    const int threads = omp_get_max_threads();
    if (!json)
        printf("kernels %s, %d thread%s, fp32 peak %.1f GFLOP/s\n\n%-7s      %4s x %-5s %8s %8s %10s %9s %10s %9s\n",
               kernels_isa(), threads, threads == 1 ? "" : "s", peak, "case", "B", "T", "tokens/s", "GFLOP/s",
               "of peak", "memory", "dropout", "threads");
    json_t *cases = json_array();
    for (int i = first; i <= last; i++) {
        const struct bench_case measured = bench_case_at(i);
        struct bench_result result;
        if (bench_trainer(&measured, &result, error) != 0) {
            json_decref(cases);
            return -1;
        }
        json_array_append_new(cases, case_json(&measured, &result, peak));
        if (!json)
            print_case(&measured, &result, peak);
    }
    /* The smallest case is the hardest: the least model code a token. */
    const struct bench_case smallest = bench_case_at(first);
    if (bench_worker(&smallest, &model_share, error) != 0) {
        json_decref(cases);
        return -1;
    }
    if (json)
        return command_print_json(json_pack("{s:s, s:i, s:{s:f, s:n}, s:o, s:f}", "isa", kernels_isa(), "threads",
                                            threads, "peak_gflops", "fp32", peak, "bf16", "cases", cases,
                                            "worker_model_share", model_share),
                                  error);
    json_decref(cases);
    printf("\ndropout: what the study's 0.1 adds to the time of a step. threads: how much faster\n"
           "a step is with %d threads than with one. A whole worker (%s; data, evaluation of\n"
           "1 %% of its tokens, messages) spends %.2f %% of its time in model code.\n",
           threads, smallest.name, 100 * model_share);
    return 0;
}
