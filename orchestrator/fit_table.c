#include "orchestrator/fit_table.h"
#include "base/checksum.h"
#include "base/csv.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

void fit_table_free(struct fit_table *table) {
    for (int c = 0; c < table->column_count; c++)
        free(table->columns[c]);
    free(table->runs);
    *table = (struct fit_table){0};
}

static int compare_rows(const void *left, const void *right, void *context) {
    const struct fit_table *table = context;
    const size_t a = *(const size_t *)left, b = *(const size_t *)right;
    for (int c = 0; c < table->column_count; c++)
        if (table->columns[c][a] != table->columns[c][b])
            return table->columns[c][a] < table->columns[c][b] ? -1 : 1;
    return 0;
}

size_t fit_table_duplicates(const struct fit_table *table) {
    size_t *rows = malloc((table->count + 1) * sizeof *rows), duplicates = 0;
    if (!rows)
        return (size_t)-1;
    for (size_t i = 0; i < table->count; i++)
        rows[i] = i;
    qsort_r(rows, table->count, sizeof *rows, compare_rows, (void *)table);
    for (size_t i = 1; i < table->count; i++)
        duplicates += compare_rows(&rows[i - 1], &rows[i], (void *)table) == 0;
    free(rows);
    return duplicates;
}

/* run: NULL where it is not known, of all rows. */
static int add_row(struct fit_table *table, const double *values, const uint64_t *run, struct error *error) {
    if (table->count == table->capacity) {
        const size_t capacity = table->capacity ? 2 * table->capacity : 256;
        uint64_t *runs = run ? realloc(table->runs, capacity * sizeof *runs) : NULL;
        if (run && !runs)
            return error_set(error, ERROR_FAILED, "no memory for a table of %zu points", capacity);
        table->runs = runs;
        for (int c = 0; c < table->column_count; c++) {
            double *larger = realloc(table->columns[c], capacity * sizeof *larger);
            if (!larger)
                return error_set(error, ERROR_FAILED, "no memory for a table of %zu points", capacity);
            table->columns[c] = larger;
        }
        table->capacity = capacity;
    }
    for (int c = 0; c < table->column_count; c++)
        table->columns[c][table->count] = values[c];
    if (run)
        table->runs[table->count] = *run;
    table->count++;
    return 0;
}

/* ---- from CSV ---- */

static int missing_column(const struct csv *csv, const char *name, struct error *error) {
    char names[512] = "";
    size_t used = 0;
    for (int c = 0; c < csv->columns && used < sizeof names; c++)
        used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", c ? ", " : "", csv->names[c]);
    return error_set(error, ERROR_INPUT, "%s:1: no column '%s'; it has %s", csv->path, name, names);
}

struct condition {
    int column;
    const char *value;
};

static int find_condition(const struct csv *csv, const char *text, struct condition *condition, struct error *error) {
    const char *equals = strchr(text, '=');
    char name[256];
    if (!equals || (size_t)(equals - text) >= sizeof name)
        return error_set(error, ERROR_INPUT, "--where %s; it is COLUMN=VALUE", text);
    snprintf(name, sizeof name, "%.*s", (int)(equals - text), text);
    *condition = (struct condition){csv_column(csv, name), equals + 1};
    return condition->column < 0 ? missing_column(csv, name, error) : 0;
}

/* Equal as texts, or as numbers: "1" holds for a cell "1.0". */
static bool cell_holds(const char *cell, const char *value) {
    char *cell_end, *value_end;
    if (strcmp(cell, value) == 0)
        return true;
    const double a = strtod(cell, &cell_end), b = strtod(value, &value_end);
    return cell_end != cell && !*cell_end && value_end != value && !*value_end && a == b;
}

/* run_place: -1, or the column of the run. */
static int read_row(const struct csv *csv, const int *places, int run_place, struct fit_table *table,
                    struct error *error) {
    double values[FIT_TABLE_COLUMNS_MAX] = {0};
    for (int c = 0; c < table->column_count; c++) {
        if (csv_number(csv, places[c], &values[c], error) != 0)
            return -1;
        if (!(values[c] > 0) || !isfinite(values[c]))
            return error_set(error, ERROR_INPUT, "%s:%zu:%d: %s is %g; it must be positive and finite", csv->path,
                             csv->line_number, places[c] + 1, csv->names[places[c]], values[c]);
    }
    if (run_place < 0)
        return add_row(table, values, NULL, error);
    const uint64_t run = checksum64(csv->cells[run_place], strlen(csv->cells[run_place]));
    return add_row(table, values, &run, error);
}

static int read_rows(struct csv *csv, const char *const *names, const char *const *conditions, int condition_count,
                     struct fit_table *table, struct error *error) {
    int places[FIT_TABLE_COLUMNS_MAX] = {0}, status;
    struct condition wanted[16];
    for (int c = 0; c < table->column_count; c++)
        if ((places[c] = csv_column(csv, names[c])) < 0)
            return missing_column(csv, names[c], error);
    for (int w = 0; w < condition_count; w++)
        if (find_condition(csv, conditions[w], &wanted[w], error) != 0)
            return -1;
    const int run_place = csv_column(csv, "run");
    while ((status = csv_next(csv, error)) == 1) {
        bool holds = true;
        for (int w = 0; w < condition_count; w++)
            holds = holds && cell_holds(csv->cells[wanted[w].column], wanted[w].value);
        if (holds && read_row(csv, places, run_place, table, error) != 0)
            return -1;
    }
    return status;
}

int fit_table_read(const char *path, const char *const *names, int name_count, const char *const *conditions,
                   int condition_count, struct fit_table *table, struct error *error) {
    struct csv csv;
    *table = (struct fit_table){.column_count = name_count};
    if (csv_open(&csv, path, error) != 0)
        return -1;
    const int status = read_rows(&csv, names, conditions, condition_count, table, error);
    csv_close(&csv);
    if (status != 0)
        fit_table_free(table);
    return status;
}

/* ---- from a study ---- */

static bool same(const char *wanted, const char *text, size_t size) {
    return !wanted || strncmp(wanted, text, size) == 0;
}

bool fit_run_is_plain(const struct run_record *run) {
    return strcmp(run->kind, "finetune") != 0 && strcmp(run->kind, "monolingual-own") != 0 &&
           strcmp(run->kind, "cooldown") != 0;
}

/* Of a cooldown the last evaluation, behind its decay. */
static bool is_comparable(const struct run_record *run, uint32_t step, const struct fit_filter *filter) {
    if (strcmp(run->kind, "cooldown") == 0)
        return step == run->steps;
    return step > filter->warmup_steps && (double)step <= (1 - filter->decay_fraction) * (double)run->steps;
}

bool fit_row_wanted(const struct study_data *data, const struct loss_point *point, const struct fit_filter *filter) {
    const struct run_record *run = &data->runs[point->run];
    return data->outcomes[point->run].status == RUN_DONE &&
           (filter->kind ? same(filter->kind, run->kind, sizeof run->kind) : fit_run_is_plain(run)) &&
           same(filter->size, run->size, sizeof run->size) &&
           same(filter->language, point->language, LANGUAGE_CODE_SIZE) &&
           same(filter->set, point->set, LANGUAGE_CODE_SIZE) && is_comparable(run, point->step, filter);
}

/* Unique tokens that a finished run has seen of a language, NaN: none. */
static double unique_tokens(const struct study_data *data, uint32_t run, const char *language) {
    size_t low = 0, high = data->seen_count; /* by run */
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (data->seen[middle].run < run)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < data->seen_count && data->seen[low].run == run; low++)
        if (strncmp(data->seen[low].language, language, LANGUAGE_CODE_SIZE) == 0)
            return (double)data->seen[low].unique_tokens;
    return NAN;
}

/* NaN: no such column, or a language that the run did not learn. */
static double study_value(const struct study_data *data, const struct loss_point *point, const char *name) {
    const struct run_record *run = &data->runs[point->run];
    const struct language_tokens *learned = NULL;
    for (uint32_t l = 0; l < run->language_count; l++)
        if (strncmp(run->languages[l].language, point->language, LANGUAGE_CODE_SIZE) == 0)
            learned = &run->languages[l];
    if (strcmp(name, "N") == 0)
        return (double)run->parameters;
    if (strcmp(name, "D") == 0)
        return (double)point->tokens;
    if (strcmp(name, "Dt") == 0)
        return (double)point->tokens_target;
    if (strcmp(name, "K") == 0)
        return (double)run->language_count;
    if (strcmp(name, "U") == 0)
        return unique_tokens(data, point->run, point->language);
    if (strcmp(name, "p") == 0)
        return learned ? learned->weight : NAN;
    if (strcmp(name, "cross_entropy") == 0)
        return point->cross_entropy;
    if (strcmp(name, "unigram_normalised") == 0)
        return point->unigram_normalised;
    return strcmp(name, "bits_per_byte") == 0 ? point->bits_per_byte : NAN;
}

int fit_table_of_study(const struct study_data *data, const char *const *names, int name_count,
                       const struct fit_filter *filter, struct fit_table *table, struct error *error) {
    *table = (struct fit_table){.column_count = name_count};
    for (size_t i = 0; i < data->loss_count; i++) {
        const struct loss_point *point = &data->losses[i];
        const uint64_t run = point->run;
        double values[FIT_TABLE_COLUMNS_MAX] = {0};
        bool learned = true;
        if (!fit_row_wanted(data, point, filter))
            continue;
        for (int c = 0; c < name_count; c++) {
            values[c] = study_value(data, point, names[c]);
            learned = learned && values[c] != 0 && (!isnan(values[c]) || c == name_count - 1);
        }
        /* Zero-shot evaluations have no place in a law of the target's own data; a loss that is no number is an error.
         */
        if (!learned)
            continue;
        for (int c = 0; c < name_count; c++)
            if (!(values[c] > 0) || !isfinite(values[c])) {
                fit_table_free(table);
                return error_set(error, ERROR_INPUT, "run %u, step %u, %.*s: %s is %g; it must be positive and finite",
                                 point->run, point->step, LANGUAGE_CODE_SIZE, point->language, names[c], values[c]);
            }
        if (add_row(table, values, &run, error) != 0) {
            fit_table_free(table);
            return -1;
        }
    }
    return 0;
}
