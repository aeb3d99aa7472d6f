/* sweep plan: what would run, what it costs and how long some number of workers would take, as a table of 80 columns or
 * as JSON. */
#include "model/checkpoint.h"
#include "orchestrator/amount.h"
#include "orchestrator/command.h"
#include "orchestrator/plan.h"
#include "orchestrator/precision.h"
#include "orchestrator/simulate.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct totals {
    uint64_t tokens, parameters;
    double flops;
    size_t memory_bytes;
    uint64_t run_disk_bytes;  /* of a run under way: its checkpoint and the one before */
    uint64_t kept_disk_bytes; /* of all checkpoints that are kept */
    size_t longest;           /* number of the run with most FLOPs */
};

static struct totals sum_runs(const struct study *study, const struct plan *plan) {
    struct totals totals = {0};
    for (size_t r = 0; r < plan->count; r++) {
        const struct planned_run *run = &plan->runs[r];
        const struct model_shape *shape = &study->sizes[run->size].shape;
        const uint64_t parameters = model_parameters(shape), checkpoint = checkpoint_bytes(shape);
        uint64_t kept[RUN_KEPT_MAX];
        totals.tokens += plan_own_tokens(run);
        totals.flops += run->flops;
        if (parameters > totals.parameters)
            totals.parameters = parameters;
        if (run->memory_bytes > totals.memory_bytes)
            totals.memory_bytes = run->memory_bytes;
        if (2 * checkpoint > totals.run_disk_bytes)
            totals.run_disk_bytes = 2 * checkpoint;
        totals.kept_disk_bytes += plan_kept(study, plan, r, kept) * checkpoint;
        if (run->flops > plan->runs[totals.longest].flops)
            totals.longest = r;
    }
    return totals;
}

/* Prints words one after the other, indented lines of at most 80 columns. */
static void print_words(const struct study *study, const uint32_t *languages, uint32_t count, int column) {
    const int indent = column;
    for (uint32_t i = 0; i < count; i++) {
        const char *word = study->languages[languages ? languages[i] : i];
        if (column + 1 + (int)strlen(word) > 80) {
            printf("\n%*s", indent, "");
            column = indent;
        }
        column += printf(" %s", word);
    }
    putchar('\n');
}

/* The runs of a group of several sizes together. */
static void print_group_total(const struct study *study, const struct plan *plan, uint32_t g) {
    char tokens[AMOUNT_SIZE], flops[AMOUNT_SIZE];
    double group_tokens = 0, group_flops = 0;
    size_t runs = 0;
    for (size_t r = 0; r < plan->count; r++)
        if (plan->runs[r].group == g) {
            runs++;
            group_tokens += (double)plan_own_tokens(&plan->runs[r]);
            group_flops += plan->runs[r].flops;
        }
    if (study->groups[g].size_count > 1)
        printf("%-13.13s %-19s %6zu %10s %10s %8s\n", study->groups[g].name, "together", runs, "",
               amount(group_tokens, tokens), amount(group_flops, flops));
}

static void print_groups(const struct study *study, const struct plan *plan) {
    char parameters[AMOUNT_SIZE], tokens[AMOUNT_SIZE], flops[AMOUNT_SIZE], memory[AMOUNT_SIZE];
    printf("\n%-13s %-19s %6s %10s %10s %8s %8s\n", "group", "size", "runs", "parameters", "tokens/run", "FLOP/run",
           "memory");
    for (uint32_t g = 0; g < study->group_count; g++) {
        for (uint32_t s = 0; s < study->size_count; s++) {
            size_t runs = 0, costly = 0;
            for (size_t r = 0; r < plan->count; r++)
                if (plan->runs[r].group == g && plan->runs[r].size == s &&
                    (runs++ == 0 || plan->runs[r].flops > plan->runs[costly].flops))
                    costly = r;
            if (runs == 0)
                continue;
            const struct planned_run *run = &plan->runs[costly];
            printf("%-13.13s %-19.19s %6zu %10s %10s %8s %7sB\n", study->groups[g].name, study->sizes[s].name, runs,
                   amount((double)model_parameters(&study->sizes[s].shape), parameters),
                   amount((double)run->tokens, tokens), amount(run->flops, flops),
                   amount((double)run->memory_bytes, memory));
        }
        print_group_total(study, plan, g);
    }
}

/* Marks the languages that are in runs of a kind and size. Returns the most tokens of such a run. */
static uint64_t mark_languages(const struct study *study, const struct plan *plan, const char *kind, uint32_t size,
                               bool marked[LANGUAGES_MAX]) {
    uint64_t most = 0;
    memset(marked, 0, LANGUAGES_MAX * sizeof *marked);
    for (size_t r = 0; r < plan->count; r++) {
        const struct study_group *group = &study->groups[plan->runs[r].group];
        const struct study_mixture *mixture = &group->mixtures[plan->runs[r].mixture];
        if (plan->runs[r].size != size || strcmp(group->kind, kind) != 0)
            continue;
        for (uint32_t i = 0; i < mixture->language_count; i++)
            marked[mixture->languages[i]] = true;
        most = plan->runs[r].tokens > most ? plan->runs[r].tokens : most;
    }
    return most;
}

/* A score toward a language needs its monolingual run of the same size. */
static void print_transfer_notes(const struct study *study, const struct plan *plan) {
    bool alone[LANGUAGES_MAX], paired[LANGUAGES_MAX];
    char reference[AMOUNT_SIZE];
    for (uint32_t s = 0; s < study->size_count; s++) {
        uint32_t missing[LANGUAGES_MAX], missing_count = 0, count = 0;
        mark_languages(study, plan, "monolingual", s, alone);
        const uint64_t tokens = mark_languages(study, plan, "bilingual", s, paired);
        for (uint32_t l = 0; l < study->language_count; l++) {
            count += paired[l];
            if (paired[l] && !alone[l])
                missing[missing_count++] = l;
        }
        if (count > missing_count)
            printf("transfer   size '%s': d = %s tokens, scores below %.3g are bounds\n", study->sizes[s].name,
                   amount(study->reference_tokens, reference), 2 - (double)tokens / study->reference_tokens);
        if (missing_count > 0) {
            printf("note: size '%s': no transfer scores toward these, without monolingual run:\n     ",
                   study->sizes[s].name);
            print_words(study, missing, missing_count, 5);
        }
    }
}

static void print_ranks(const struct study *study) {
    for (uint32_t s = 0; s < study->size_count; s++)
        if (study->sizes[s].ranks > 1)
            printf("ranks      size '%s': %u train a run together, each with this memory\n", study->sizes[s].name,
                   study->sizes[s].ranks);
}

static void print_waits(const struct study *study) {
    for (uint32_t g = 0; g < study->group_count; g++)
        if (study->groups[g].from[0])
            printf("waits      %s: each for the run of '%s' of its size, and %s\n", study->groups[g].name,
                   study->groups[g].from,
                   strcmp(study->groups[g].kind, "cooldown") == 0 ? "goes on from its middle"
                                                                  : "begins with its weights");
}

static void print_unused_sizes(const struct study *study, const struct plan *plan) {
    for (uint32_t s = 0; s < study->size_count; s++) {
        size_t r = 0;
        while (r < plan->count && plan->runs[r].size != s)
            r++;
        if (r == plan->count)
            printf("note: size '%s' is in no run\n", study->sizes[s].name);
    }
}

/* "run 7: monolingual en, size 'w24'" */
static void print_run(const struct study *study, const struct plan *plan, size_t run) {
    const struct planned_run *planned = &plan->runs[run];
    printf("run %zu: %s %s, size '%s'\n", run, study->groups[planned->group].kind,
           study->groups[planned->group].mixtures[planned->mixture].name, study->sizes[planned->size].name);
}

static void print_plan(const struct study *study, const struct plan *plan) {
    const struct totals totals = sum_runs(study, plan);
    char tokens[AMOUNT_SIZE], flops[AMOUNT_SIZE], memory[AMOUNT_SIZE], disk[AMOUNT_SIZE];
    printf("study      %s\nfile       %s\narchive    %s\nlanguages ", study->name, study->path, study->archive);
    print_words(study, NULL, study->language_count, 10);
    printf("precision  %s\n", precision_names[study->precision]);
    print_groups(study, plan);
    printf("\ntotal      %zu runs, %s tokens, %sFLOP\n", plan->count, amount((double)totals.tokens, tokens),
           amount(totals.flops, flops));
    printf("longest    %sFLOP, ", amount(plan->runs[totals.longest].flops, flops));
    print_run(study, plan, totals.longest);
    printf("memory     at most %sB in a worker\n", amount((double)totals.memory_bytes, memory));
    printf("disk       checkpoints: at most %sB a run under way", amount((double)totals.run_disk_bytes, disk));
    if (totals.kept_disk_bytes > 0)
        printf(", and %sB kept", amount((double)totals.kept_disk_bytes, disk));
    putchar('\n');
    print_ranks(study);
    print_waits(study);
    print_transfer_notes(study, plan);
    print_unused_sizes(study, plan);
}

static json_t *plan_json(const struct study *study, const struct plan *plan) {
    const struct totals totals = sum_runs(study, plan);
    json_t *groups = json_array();
    for (uint32_t g = 0; g < study->group_count; g++) {
        uint64_t runs = 0, tokens = 0;
        double flops = 0;
        for (size_t r = 0; r < plan->count; r++)
            if (plan->runs[r].group == g) {
                runs++;
                tokens += plan_own_tokens(&plan->runs[r]);
                flops += plan->runs[r].flops;
            }
        json_array_append_new(groups, json_pack("{s:s, s:s, s:I, s:I, s:f}", "kind", study->groups[g].kind, "name",
                                                study->groups[g].name, "runs", (json_int_t)runs, "tokens",
                                                (json_int_t)tokens, "flops", flops));
    }
    return json_pack("{s:s, s:s, s:I, s:o, s:I, s:f, s:I, s:I, s:I, s:I}", "study", study->name, "precision",
                     precision_names[study->precision], "runs", (json_int_t)plan->count, "groups", groups, "tokens",
                     (json_int_t)totals.tokens, "flops", totals.flops, "parameters_max", (json_int_t)totals.parameters,
                     "memory_bytes_max", (json_int_t)totals.memory_bytes, "checkpoint_bytes_run_max",
                     (json_int_t)totals.run_disk_bytes, "checkpoint_bytes_kept", (json_int_t)totals.kept_disk_bytes);
}

/* ---- on virtual time ---- */

/* What a core with AVX-512 does in fp32, less what evaluation and small models take (docs/performance.md). */
static const double CORE_GFLOPS = 100;

/* Workers that are simulated. */
struct imagined {
    bool asked;
    uint64_t workers, threads; /* threads: cores of each */
    double gflops;             /* of each; NAN: not told */
    bool guessed;              /* gflops are not told */
};

static int check_imagined(struct imagined *imagined, struct error *error) {
    if (!imagined->asked && (imagined->workers > 0 || imagined->threads != 1 || !isnan(imagined->gflops)))
        return error_set(error, ERROR_INPUT, "plan: --workers, --threads and --speed are for --simulate");
    if (!imagined->asked)
        return 0;
    if (imagined->workers < 1 || imagined->workers > 1000000 || imagined->threads < 1 || imagined->threads > 10000)
        return error_set(error, ERROR_INPUT,
                         "plan: --simulate needs --workers from 1 to 1000000, and --threads from 1 to 10000");
    if (imagined->gflops <= 0)
        return error_set(error, ERROR_INPUT, "plan: --speed must be more than 0 GFLOP/s");
    imagined->guessed = isnan(imagined->gflops);
    if (imagined->guessed)
        imagined->gflops = CORE_GFLOPS * (double)imagined->threads;
    return 0;
}

static double core_hours(const struct imagined *imagined, const struct simulation *simulation) {
    return (double)(imagined->workers * imagined->threads) * simulation->makespan / 3600;
}

static void print_simulation(const struct study *study, const struct plan *plan, const struct imagined *imagined,
                             const struct simulation *simulation) {
    char text[AMOUNT_SIZE], least[AMOUNT_SIZE];
    printf("\nsimulated  %" PRIu64 " workers of %" PRIu64 " core%s, each %.4g GFLOP/s%s\n", imagined->workers,
           imagined->threads, imagined->threads == 1 ? "" : "s", imagined->gflops,
           imagined->guessed ? " (a guess; `sweep bench trainer` measures)" : "");
    printf("makespan   %s, %.1f %% above the lower bound of %s\n", amount_seconds(simulation->makespan, text),
           100 * (simulation->makespan / simulation->lower_bound - 1), amount_seconds(simulation->lower_bound, least));
    printf("critical   %s, from ", amount_seconds(simulation->critical_path, text));
    print_run(study, plan, simulation->critical_run);
    printf("used       %.1f %% of %.4g core-hours\n", 100 * simulation->utilisation, core_hours(imagined, simulation));
}

static void add_simulation(json_t *object, const struct imagined *imagined, const struct simulation *simulation) {
    json_object_update_new(
        object, json_pack("{s:I, s:f, s:f, s:f, s:f, s:f, s:f}", "workers", (json_int_t)imagined->workers, "gflops",
                          imagined->gflops, "makespan_seconds", simulation->makespan, "lower_bound_seconds",
                          simulation->lower_bound, "critical_path_seconds", simulation->critical_path, "utilisation",
                          simulation->utilisation, "core_hours", core_hours(imagined, simulation)));
}

/* ---- the command ---- */

static int show(const struct study *study, const struct plan *plan, const struct imagined *imagined, bool json,
                struct error *error) {
    struct simulation simulation;
    if (imagined->asked && simulate(plan, (uint32_t)imagined->workers, 1e9 * imagined->gflops, &simulation, error) != 0)
        return -1;
    if (json) {
        json_t *object = plan_json(study, plan);
        if (imagined->asked)
            add_simulation(object, imagined, &simulation);
        return command_print_json(object, error);
    }
    print_plan(study, plan);
    if (imagined->asked)
        print_simulation(study, plan, imagined, &simulation);
    return 0;
}

int command_plan(const struct command *command, int count, char **words, struct error *error) {
    bool json = false, keys = false;
    struct imagined imagined = {.threads = 1, .gflops = NAN};
    const char *path;
    const struct option options[] = {
        {.name = "--json", .help = "one JSON object instead of the table", .flag = &json},
        {.name = "--keys", .help = "the reference of all keys of a study file, as Markdown", .flag = &keys},
        {.name = "--simulate", .help = "how long the workers of --workers would take", .flag = &imagined.asked},
        {.name = "--workers",
         .value = "W",
         .help = "that train; the coordinator is one more",
         .count = &imagined.workers},
        {.name = "--threads", .value = "T", .help = "cores of a worker (1)", .count = &imagined.threads},
        {.name = "--speed",
         .value = "GFLOPS",
         .help = "of a worker, see `sweep bench trainer` (100 a core)",
         .number = &imagined.gflops},
        {0},
    };
    const int parsed = command_parse(command, options, count, words, &path, 0, 1, error);
    if (parsed != 0)
        return parsed < 0 ? -1 : 0;
    if (keys)
        return study_write_reference(stdout) == 0 ? 0 : error_set(error, ERROR_FAILED, "standard output: not writable");
    if (!path)
        return error_set(error, ERROR_INPUT, "plan: needs %s; see `sweep plan --help`", command->arguments);
    if (check_imagined(&imagined, error) != 0)
        return -1;

    struct study study;
    struct plan plan;
    if (study_read(path, &study, stderr, error) != 0)
        return -1;
    int result = plan_make(&study, &plan, error);
    if (result == 0) {
        result = show(&study, &plan, &imagined, json, error);
        plan_free(&plan);
    }
    study_free(&study);
    return result;
}
