/* sweep transfer: statistics of a matrix of transfer scores, from an archive or a CSV file. */
#include "hdf5_schema/archive.h"
#include "laws/transfer_matrix.h"
#include "orchestrator/command.h"
#include "orchestrator/file_kind.h"
#include "orchestrator/postfit_curves.h"
#include "orchestrator/postfit_transfer.h"
#include "orchestrator/score_table.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct statistics {
    size_t pairs;
    double symmetry;
    bool grouped; /* families and scripts are known */
    struct group_effect script, family;
    size_t best[LANGUAGES_MAX]; /* targets for which a language is among the best sources */
};

/* What the command works on. */
struct input {
    const char *path, *size; /* size NULL: the file is a CSV file */
    struct study_data data;  /* of an archive */
    struct score_table table;
    struct language_groups groups;
};

static int take_size(struct input *input, const char *size, struct error *error) {
    if (input->data.transfer_count == 0)
        return error_set(error, ERROR_INPUT,
                         "%s: holds no transfer scores; a study gets them from bilingual runs and monolingual runs of "
                         "the same size",
                         input->path);
    input->size = size ? size : postfit_main_size(&input->data);
    if (!input->size)
        input->size = input->data.transfer[0].size; /* nothing but bounds */
    if (score_table_take(&input->table, &input->data, input->size, error) != 0)
        return -1;
    if (input->table.count == 0)
        return error_set(error, ERROR_INPUT, "%s: no transfer scores at size '%s'; there are some at '%s'", input->path,
                         size, input->data.transfer[0].size);
    return 0;
}

static int read_input(struct input *input, const char *size, struct error *error) {
    enum file_kind kind;
    if (file_kind_find(input->path, &kind, error) != 0)
        return -1;
    if (kind == FILE_KIND_ARCHIVE) {
        if (archive_read(input->path, &input->data, error) != 0)
            return -1;
        return take_size(input, size, error);
    }
    if (kind != FILE_KIND_UNKNOWN)
        return error_set(error, ERROR_INPUT, "%s: neither an archive nor a CSV file of scores", input->path);
    if (size)
        return error_set(error, ERROR_INPUT, "%s: --size is for archives; a CSV file has one matrix", input->path);
    return score_table_read(&input->table, input->path, error);
}

static int find_statistics(const struct input *input, const char *languages, uint64_t seed,
                           struct statistics *statistics, struct error *error) {
    const size_t n = input->table.count;
    const double *scores = input->table.scores;
    statistics->pairs = transfer_count_pairs(n, scores);
    statistics->symmetry = transfer_symmetry(n, scores);
    transfer_best_sources(n, scores, statistics->best);
    statistics->grouped = languages != NULL;
    statistics->script = statistics->family = (struct group_effect){0, 0, NAN, NAN, NAN, NAN};
    if (!languages)
        return 0;
    if (transfer_group_effect(n, scores, input->groups.scripts, seed, &statistics->script, error) != 0)
        return -1;
    return transfer_group_effect(n, scores, input->groups.families, seed, &statistics->family, error);
}

/* ---- JSON ---- */

static int print_json(const struct input *input, const struct statistics *statistics, struct error *error) {
    const struct group_effect *script = &statistics->script, *family = &statistics->family;
    json_t *best = json_object(), *unknown = json_array();
    for (size_t i = 0; i < input->table.count; i++)
        if (statistics->best[i] > 0)
            json_object_set_new(best, input->table.languages[i], json_integer((json_int_t)statistics->best[i]));
    for (size_t i = 0; i < input->groups.unknown_count; i++)
        json_array_append_new(unknown, json_string(input->table.languages[input->groups.unknown[i]]));
    json_t *object = json_pack(
        "{s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:s?, s:I, s:I, s:o}", "languages",
        (json_int_t)input->table.count, "pairs", (json_int_t)statistics->pairs, "same_script_mean",
        command_number(script->same_mean), "different_script_mean", command_number(script->different_mean),
        "same_family_mean", command_number(family->same_mean), "different_family_mean",
        command_number(family->different_mean), "p_script", command_number(script->p_pairs), "p_family",
        command_number(family->p_pairs), "p_script_languages", command_number(script->p_languages),
        "p_family_languages", command_number(family->p_languages), "symmetry_pearson",
        command_number(statistics->symmetry), "best_sources", best, "size", input->size, "bounds",
        (json_int_t)input->table.bounds, "predicted", (json_int_t)input->table.predicted, "unknown_languages", unknown);
    if (!object)
        return error_set(error, ERROR_FAILED, "%s: no memory, or a language that is not UTF-8", input->path);
    return command_print_json(object, error);
}

/* ---- text ---- */

static void print_number(const char *format, int width, double value) {
    if (isfinite(value))
        printf(format, width, value);
    else
        printf("%*s", width, "?");
}

static void print_effect(const char *name, const struct group_effect *effect) {
    char pairs[48];
    snprintf(pairs, sizeof pairs, "%zu + %zu", effect->same_pairs, effect->different_pairs);
    printf("%-8s%18s", name, pairs);
    print_number("%+*.3f", 10, effect->same_mean);
    print_number("%+*.3f", 11, effect->different_mean);
    print_number("%*.4f", 12, effect->p_pairs);
    print_number("%*.4f", 16, effect->p_languages);
    putchar('\n');
}

/* Words that go on in a new line before column 80. */
static void print_word(size_t *column, const char *word) {
    if (*column + strlen(word) + 2 > 80) {
        printf("\n ");
        *column = 1;
    }
    *column += (size_t)printf(" %s", word);
}

static void print_groups(const struct input *input, const struct statistics *statistics) {
    size_t column = 0;
    printf("\n%26s%10s%11s%12s%16s\n", "pairs, same + diff.", "same", "different", "p (pairs)", "p (languages)");
    print_effect("script", &statistics->script);
    print_effect("family", &statistics->family);
    if (input->groups.unknown_count > 0)
        column = (size_t)printf("without family or script, left out:");
    for (size_t i = 0; i < input->groups.unknown_count; i++)
        print_word(&column, input->table.languages[input->groups.unknown[i]]);
    if (column > 0)
        putchar('\n');
}

/* Languages by their counts, of equals in the order of the table. */
static void print_best(const struct input *input, const struct statistics *statistics) {
    size_t column = 0;
    printf("\nAmong the five best sources of so many targets:\n");
    for (size_t count = input->table.count; count > 0; count--)
        for (size_t i = 0; i < input->table.count; i++) {
            char word[LANGUAGE_CODE_SIZE + 24];
            if (statistics->best[i] != count)
                continue;
            snprintf(word, sizeof word, " %s %zu", input->table.languages[i], count);
            print_word(&column, word);
        }
    putchar('\n');
}

static void print_text(const struct input *input, const struct statistics *statistics) {
    const size_t n = input->table.count;
    printf("%s%s%s: %zu languages, %zu of %zu pairs measured", input->path, input->size ? ", " : "",
           input->size ? input->size : "", n, statistics->pairs, n * (n - 1));
    if (input->table.bounds > 0)
        printf(", %zu bounds left out", input->table.bounds);
    if (input->table.predicted > 0)
        printf(", %zu predictions left out", input->table.predicted);
    putchar('\n');
    if (statistics->grouped)
        print_groups(input, statistics);
    else
        printf("\n--languages CSV (language,family,script) compares families and scripts\n");
    printf("\nSymmetry, correlation of s -> t with t -> s: r = ");
    print_number("%+*.3f", 0, statistics->symmetry);
    putchar('\n');
    if (statistics->pairs > 0)
        print_best(input, statistics);
    if (input->size) {
        putchar('\n');
        postfit_transfer_print_laws(&input->data, stdout);
    }
}

static int transfer(struct input *input, const char *languages, const char *size, uint64_t seed, bool json,
                    struct error *error) {
    struct statistics statistics;
    if (read_input(input, size, error) != 0 ||
        (languages && language_groups_read(&input->groups, &input->table, languages, error) != 0) ||
        find_statistics(input, languages, seed, &statistics, error) != 0)
        return -1;
    if (json)
        return print_json(input, &statistics, error);
    print_text(input, &statistics);
    return 0;
}

int command_transfer(const struct command *command, int count, char **words, struct error *error) {
    const char *path, *languages = NULL, *size = NULL;
    uint64_t seed = 1;
    bool json = false;
    const struct option options[] = {
        {"--languages", "CSV", "families and scripts: language,family,script", .text = &languages},
        {"--size", "NAME", "model size, of an archive; if not given, that with most scores", .text = &size},
        {"--seed", "N", "of the permutation tests (1)", .count = &seed},
        {"--json", NULL, "one JSON object", .flag = &json},
        {0},
    };
    const int parsed = command_parse(command, options, count, words, &path, 1, 1, error);
    if (parsed != 0)
        return parsed < 0 ? -1 : 0;
    struct input *input = calloc(1, sizeof *input);
    if (!input)
        return error_set(error, ERROR_FAILED, "transfer: no memory");
    input->path = path;
    const int result = transfer(input, languages, size, seed, json, error);
    study_data_free(&input->data);
    score_table_free(&input->table);
    free(input);
    return result;
}
