/* sweep plan: what would run and what it costs, as a table of 80 columns or as JSON. */
#include "orchestrator/command.h"
#include "orchestrator/plan.h"
#include "orchestrator/precision.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct totals {
    uint64_t tokens, parameters;
    double flops;
    size_t memory_bytes;
    size_t longest; /* number of the run with most FLOPs */
};

static struct totals sum_runs(const struct study *study, const struct plan *plan) {
    struct totals totals = {0};
    for (size_t r = 0; r < plan->count; r++) {
        const struct planned_run *run = &plan->runs[r];
        const uint64_t parameters = model_parameters(&study->sizes[run->size].shape);
        totals.tokens += plan_own_tokens(run);
        totals.flops += run->flops;
        if (parameters > totals.parameters)
            totals.parameters = parameters;
        if (run->memory_bytes > totals.memory_bytes)
            totals.memory_bytes = run->memory_bytes;
        if (run->flops > plan->runs[totals.longest].flops)
            totals.longest = r;
    }
    return totals;
}

/* "1.02 M": three digits and a prefix, so that a unit may follow. */
enum { AMOUNT_SIZE = 16 };
static const char *amount(double value, char text[AMOUNT_SIZE]) {
    static const char *const prefixes[] = {"", "k", "M", "G", "T", "P", "E", "Z", "Y"};
    size_t p = 0;
    while (value >= 999.5 && p + 1 < sizeof prefixes / sizeof *prefixes) {
        value /= 1000;
        p++;
    }
    snprintf(text, AMOUNT_SIZE, "%.3g%s%s", value, p ? " " : "", prefixes[p]);
    return text;
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

static void print_plan(const struct study *study, const struct plan *plan) {
    const struct totals totals = sum_runs(study, plan);
    const struct planned_run *longest = &plan->runs[totals.longest];
    char tokens[AMOUNT_SIZE], flops[AMOUNT_SIZE], memory[AMOUNT_SIZE];
    printf("study      %s\nfile       %s\narchive    %s\nlanguages ", study->name, study->path, study->archive);
    print_words(study, NULL, study->language_count, 10);
    printf("precision  %s\n", precision_names[study->precision]);
    print_groups(study, plan);
    printf("\ntotal      %zu runs, %s tokens, %sFLOP\n", plan->count, amount((double)totals.tokens, tokens),
           amount(totals.flops, flops));
    printf("longest    %sFLOP, run %zu: %s %s, size '%s'\n", amount(longest->flops, flops), totals.longest,
           study->groups[longest->group].kind, study->groups[longest->group].mixtures[longest->mixture].name,
           study->sizes[longest->size].name);
    printf("memory     at most %sB in a worker\n", amount((double)totals.memory_bytes, memory));
    print_ranks(study);
    print_waits(study);
    print_transfer_notes(study, plan);
    print_unused_sizes(study, plan);
}

static int print_json(const struct study *study, const struct plan *plan, struct error *error) {
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
    json_t *object = json_pack("{s:s, s:s, s:I, s:o, s:I, s:f, s:I, s:I}", "study", study->name, "precision",
                               precision_names[study->precision], "runs", (json_int_t)plan->count, "groups", groups,
                               "tokens", (json_int_t)totals.tokens, "flops", totals.flops, "parameters_max",
                               (json_int_t)totals.parameters, "memory_bytes_max", (json_int_t)totals.memory_bytes);
    return command_print_json(object, error);
}

int command_plan(const struct command *command, int count, char **words, struct error *error) {
    bool json = false, keys = false;
    const char *path;
    const struct option options[] = {
        {.name = "--json", .help = "one JSON object instead of the table", .flag = &json},
        {.name = "--keys", .help = "the reference of all keys of a study file, as Markdown", .flag = &keys},
        {0},
    };
    const int parsed = command_parse(command, options, count, words, &path, 0, 1, error);
    if (parsed != 0)
        return parsed < 0 ? -1 : 0;
    if (keys)
        return study_write_reference(stdout) == 0 ? 0 : error_set(error, ERROR_FAILED, "standard output: not writable");
    if (!path)
        return error_set(error, ERROR_INPUT, "plan: needs %s; see `sweep plan --help`", command->arguments);

    struct study study;
    struct plan plan;
    if (study_read(path, &study, stderr, error) != 0)
        return -1;
    int result = plan_make(&study, &plan, error);
    if (result == 0) {
        if (json)
            result = print_json(&study, &plan, error);
        else
            print_plan(&study, &plan);
        plan_free(&plan);
    }
    study_free(&study);
    return result;
}
