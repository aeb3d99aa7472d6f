#include "hdf5_schema/study_record.h"
#include "hdf5_schema/schema.h"

#include <stdlib.h>
#include <string.h>

const char *run_status_name(enum run_status status) {
    return schema_status_names[status];
}

void study_data_free(struct study_data *data) {
    for (size_t i = 0; data->runs && i < data->run_count; i++)
        free(data->runs[i].languages);
    free(data->study.name);
    free(data->study.file);
    free(data->study.settings);
    free(data->study.version);
    free(data->runs);
    free(data->outcomes);
    free(data->curves);
    free(data->losses);
    free(data->seen);
    free(data->transfer);
    free(data->adaptation);
    free(data->crossovers);
    free(data->laws);
    *data = (struct study_data){0};
}

const struct run_record *study_find_run(const struct study_data *data, const char *kind, const char *language,
                                        const char *size, uint64_t seed) {
    const struct run_record *first = NULL;
    for (size_t r = 0; r < data->run_count; r++) {
        const struct run_record *run = &data->runs[r];
        if (data->outcomes[r].status != RUN_DONE || strcmp(run->kind, kind) != 0 || strcmp(run->size, size) != 0 ||
            strncmp(run->languages[0].language, language, LANGUAGE_CODE_SIZE) != 0)
            continue;
        if (run->seed == seed)
            return run;
        if (!first)
            first = run;
    }
    return first;
}

static int compare_numbers(uint64_t a, uint64_t b) {
    return (a > b) - (a < b);
}

static int compare_curves(const void *left, const void *right) {
    const struct curve_point *a = left, *b = right;
    const int by_run = compare_numbers(a->run, b->run);
    return by_run ? by_run : compare_numbers(a->step, b->step);
}

static int compare_losses(const void *left, const void *right) {
    const struct loss_point *a = left, *b = right;
    const int by_run = compare_numbers(a->run, b->run), by_step = compare_numbers(a->step, b->step);
    const int by_language = strcmp(a->language, b->language);
    return by_run ? by_run : by_step ? by_step : by_language ? by_language : strcmp(a->set, b->set);
}

static int compare_seen(const void *left, const void *right) {
    const struct language_tokens *a = left, *b = right;
    const int by_run = compare_numbers(a->run, b->run);
    return by_run ? by_run : strcmp(a->language, b->language);
}

void study_data_sort(struct study_data *data) {
    if (data->curve_count > 0)
        qsort(data->curves, data->curve_count, sizeof *data->curves, compare_curves);
    if (data->loss_count > 0)
        qsort(data->losses, data->loss_count, sizeof *data->losses, compare_losses);
    if (data->seen_count > 0)
        qsort(data->seen, data->seen_count, sizeof *data->seen, compare_seen);
}

/* The values of one row, each by itself. */
static int check_row(enum table_number number, const void *row, size_t index, const char *where, struct error *error) {
    const struct table *table = &schema_tables[number];
    const struct column *column = schema_impossible(table, row);
    if (column)
        return error_set(error, ERROR_INPUT, "%s: impossible value in row %zu of %s/%s", where, index, table->group,
                         column->name);
    return 0;
}

static int impossible(struct error *error, const char *where, const char *group, size_t row, const char *what) {
    return error_set(error, ERROR_INPUT, "%s: row %zu of %s: %s", where, row, group, what);
}

static int check_language(const struct language_tokens *row, enum table_number number, size_t index, const char *where,
                          struct error *error) {
    if (check_row(number, row, index, where, error) != 0)
        return -1;
    if (!(row->weight >= 0 && row->weight <= 1))
        return impossible(error, where, schema_tables[number].group, index, "the weight is not a share");
    if (row->unique_tokens > row->tokens)
        return impossible(error, where, schema_tables[number].group, index, "more unique tokens than tokens");
    return 0;
}

static int check_runs(const struct study_data *data, const char *where, struct error *error) {
    for (size_t i = 0; i < data->run_count; i++) {
        const struct run_record *run = &data->runs[i];
        const struct run_outcome *outcome = &data->outcomes[i];
        if (check_row(TABLE_RUNS, run, i, where, error) != 0 ||
            check_row(TABLE_OUTCOMES, outcome, i, where, error) != 0 ||
            check_row(TABLE_EXECUTION, outcome, i, where, error) != 0)
            return -1;
        if (run->run != i || outcome->run != i)
            return impossible(error, where, "runs", i, "runs are not numbered 0, 1, 2, ...");
        if (run->language_count < 1 || run->language_count > LANGUAGES_MAX)
            return impossible(error, where, "runs", i, "the mixture has no languages or too many");
        for (uint32_t l = 0; l < run->language_count; l++)
            if (check_language(&run->languages[l], TABLE_MIXTURES, l, where, error) != 0)
                return -1;
    }
    return 0;
}

static int check_curves(const struct study_data *data, const char *where, struct error *error) {
    for (size_t i = 0; i < data->curve_count; i++) {
        const struct curve_point *point = &data->curves[i];
        if (check_row(TABLE_CURVES, point, i, where, error) != 0)
            return -1;
        if (point->run >= data->run_count)
            return impossible(error, where, "curves", i, "there is no such run");
        if (point->step > data->runs[point->run].steps)
            return impossible(error, where, "curves", i, "more steps than the run has");
        if (i > 0 && compare_curves(point - 1, point) >= 0)
            return impossible(error, where, "curves", i, "runs and steps do not ascend");
    }
    return 0;
}

static int check_losses(const struct study_data *data, const char *where, struct error *error) {
    for (size_t i = 0; i < data->loss_count; i++) {
        const struct loss_point *point = &data->losses[i];
        if (check_row(TABLE_LOSSES, point, i, where, error) != 0)
            return -1;
        if (point->run >= data->run_count)
            return impossible(error, where, "losses", i, "there is no such run");
        if (point->step > data->runs[point->run].steps)
            return impossible(error, where, "losses", i, "more steps than the run has");
        if (point->tokens_target > point->tokens)
            return impossible(error, where, "losses", i, "more tokens of the target than of all languages");
        if (i > 0 && compare_losses(point - 1, point) >= 0)
            return impossible(error, where, "losses", i, "runs, steps, languages and sets do not ascend");
    }
    return 0;
}

static int check_seen(const struct study_data *data, const char *where, struct error *error) {
    for (size_t i = 0; i < data->seen_count; i++) {
        const struct language_tokens *row = &data->seen[i];
        if (check_language(row, TABLE_TOKENS, i, where, error) != 0)
            return -1;
        if (row->run >= data->run_count)
            return impossible(error, where, "tokens", i, "there is no such run");
        if (i > 0 && compare_seen(row - 1, row) >= 0)
            return impossible(error, where, "tokens", i, "runs and languages do not ascend");
    }
    return 0;
}

static bool is_one_of(const char *state, const char *first, const char *second, const char *third) {
    return strcmp(state, first) == 0 || strcmp(state, second) == 0 || strcmp(state, third) == 0;
}

static int check_results(const struct study_data *data, const char *where, struct error *error) {
    for (size_t i = 0; i < data->transfer_count; i++) {
        if (check_row(TABLE_TRANSFER, &data->transfer[i], i, where, error) != 0)
            return -1;
        if (!is_one_of(data->transfer[i].state, "measured", "bound", "predicted"))
            return impossible(error, where, "transfer", i, "the state is unknown");
    }
    for (size_t i = 0; i < data->adaptation_count; i++)
        if (check_row(TABLE_ADAPTATION, &data->adaptation[i], i, where, error) != 0)
            return -1;
    for (size_t i = 0; i < data->crossover_count; i++) {
        if (check_row(TABLE_CROSSOVERS, &data->crossovers[i], i, where, error) != 0)
            return -1;
        if (!is_one_of(data->crossovers[i].state, "measured", "later", "earlier"))
            return impossible(error, where, "crossovers", i, "the state is unknown");
    }
    for (size_t i = 0; i < data->law_count; i++) {
        const struct law_record *law = &data->laws[i];
        if (check_row(TABLE_LAWS, law, i, where, error) != 0)
            return -1;
        if (law->parameter_count > sizeof law->parameters / sizeof *law->parameters)
            return impossible(error, where, "laws", i, "too many parameters");
        for (uint32_t p = 0; p < law->parameter_count; p++) {
            const struct law_parameter_row row = {.law_row = (uint32_t)i, .parameter = law->parameters[p]};
            if (check_row(TABLE_LAW_PARAMETERS, &row, p, where, error) != 0)
                return -1;
        }
    }
    return 0;
}

int study_data_check(const struct study_data *data, const char *where, struct error *error) {
    if (!data->study.name || !data->study.file || !data->study.settings || !data->study.version)
        return error_set(error, ERROR_INPUT, "%s: the study has no name, file, settings or version", where);
    if (check_runs(data, where, error) != 0 || check_curves(data, where, error) != 0 ||
        check_losses(data, where, error) != 0 || check_seen(data, where, error) != 0)
        return -1;
    return check_results(data, where, error);
}
