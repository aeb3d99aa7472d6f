#include "orchestrator/score_table.h"

#include "base/csv.h"

#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* An error in a cell of the line read last; columns count from 0. */
static int cell_fault(const struct csv *csv, int column, struct error *error, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
static int cell_fault(const struct csv *csv, int column, struct error *error, const char *format, ...) {
    char what[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    return error_set(error, ERROR_INPUT, "%s:%zu:%d: %s", csv->path, csv->line_number, column + 1, what);
}

/* ---- languages ---- */

static size_t find_language(const struct score_table *table, const char *code) {
    size_t i = 0;
    while (i < table->count && strcmp(table->languages[i], code) != 0)
        i++;
    return i;
}

/* The number of the language in a cell, which is added if it is new. */
static int add_language(struct score_table *table, const struct csv *csv, int column, const char *code, size_t *number,
                        struct error *error) {
    if (!code[0] || strlen(code) >= LANGUAGE_CODE_SIZE)
        return cell_fault(csv, column, error, "'%.64s' is no language; a code of 1 to %d bytes", code,
                          LANGUAGE_CODE_SIZE - 1);
    *number = find_language(table, code);
    if (*number < table->count)
        return 0;
    if (table->count == LANGUAGES_MAX)
        return cell_fault(csv, column, error, "more than %d languages", LANGUAGES_MAX);
    memcpy(table->languages[table->count++], code, strlen(code) + 1);
    return 0;
}

/* ---- the matrix ---- */

/* The first line behind its first cell. Its sources become the first languages of the table, in their order. */
static int read_sources(struct score_table *table, const struct csv *csv, struct error *error) {
    for (int c = 1; c < csv->columns; c++) {
        size_t source = 0;
        if (add_language(table, csv, c, csv->names[c], &source, error) != 0)
            return -1;
        if (source + 1 < (size_t)c)
            return cell_fault(csv, c, error, "source '%s' stands here again", csv->names[c]);
    }
    if (csv->columns < 2)
        return cell_fault(csv, 0, error, "no sources; the first line is as target/source,en,fr");
    return 0;
}

/* The cell of a pair: its score, or NaN. */
static int read_score(struct score_table *table, const struct csv *csv, int column, double *score,
                      struct error *error) {
    const char *cell = csv->cells[column];
    const bool bound = cell[0] == '<';
    char *end;
    *score = NAN;
    if (!cell[0] || strcmp(cell, "-") == 0 || strcasecmp(cell, "nan") == 0)
        return 0;
    const double number = strtod(cell + bound, &end);
    if (end == cell + bound || *end || !isfinite(number))
        return cell_fault(csv, column, error, "'%.64s' is no score; a number, < and a number for a bound, or nothing",
                          cell);
    if (bound)
        table->bounds++;
    else
        *score = number;
    return 0;
}

/* A line behind the first into scores, whose rows are LANGUAGES_MAX long. */
static int read_target(struct score_table *table, const struct csv *csv, bool *read, struct error *error) {
    size_t target = 0;
    if (add_language(table, csv, 0, csv->cells[0], &target, error) != 0)
        return -1;
    if (read[target])
        return cell_fault(csv, 0, error, "target '%s' stands here again", csv->cells[0]);
    read[target] = true;
    for (int c = 1; c < csv->columns; c++) {
        const size_t source = (size_t)c - 1;
        if (source != target && read_score(table, csv, c, &table->scores[target * LANGUAGES_MAX + source], error) != 0)
            return -1;
    }
    return 0;
}

static int read_matrix(struct score_table *table, struct csv *csv, struct error *error) {
    bool read[LANGUAGES_MAX] = {false};
    if (read_sources(table, csv, error) != 0)
        return -1;
    int row;
    while ((row = csv_next(csv, error)) == 1)
        if (read_target(table, csv, read, error) != 0)
            return -1;
    for (size_t t = 0; t < table->count; t++) /* rows closer together: n instead of LANGUAGES_MAX */
        memmove(table->scores + t * table->count, table->scores + t * LANGUAGES_MAX,
                table->count * sizeof *table->scores);
    return row;
}

static int make_scores(struct score_table *table, size_t rows, struct error *error) {
    table->scores = malloc(rows * rows * sizeof *table->scores + 1);
    if (!table->scores)
        return error_set(error, ERROR_FAILED, "no memory for the scores of %zu languages", rows);
    for (size_t i = 0; i < rows * rows; i++)
        table->scores[i] = NAN;
    return 0;
}

int score_table_read(struct score_table *table, const char *path, struct error *error) {
    struct csv csv;
    *table = (struct score_table){0};
    if (csv_open(&csv, path, error) != 0)
        return -1;
    int result = make_scores(table, LANGUAGES_MAX, error);
    if (result == 0)
        result = read_matrix(table, &csv, error);
    csv_close(&csv);
    if (result != 0)
        score_table_free(table);
    return result;
}

/* The languages of a row, which are added if they are new. Fails when there is no room for them. */
static int add_record(struct score_table *table, const struct transfer_record *record, size_t *source, size_t *target) {
    const char *codes[] = {record->source, record->target};
    size_t *numbers[] = {source, target};
    for (int i = 0; i < 2; i++) {
        *numbers[i] = find_language(table, codes[i]);
        if (*numbers[i] == LANGUAGES_MAX)
            return -1;
        if (*numbers[i] == table->count)
            memcpy(table->languages[table->count++], codes[i], LANGUAGE_CODE_SIZE);
    }
    return 0;
}

int score_table_take(struct score_table *table, const struct study_data *data, const char *size, struct error *error) {
    size_t source, target;
    *table = (struct score_table){0};
    for (size_t i = 0; i < data->transfer_count; i++)
        if (strcmp(data->transfer[i].size, size) == 0 && add_record(table, &data->transfer[i], &source, &target) != 0)
            return error_set(error, ERROR_INPUT, "more than %d languages have transfer scores", LANGUAGES_MAX);
    if (make_scores(table, table->count, error) != 0)
        return -1;
    for (size_t i = 0; i < data->transfer_count; i++) {
        const struct transfer_record *record = &data->transfer[i];
        if (strcmp(record->size, size) != 0 || add_record(table, record, &source, &target) != 0)
            continue;
        if (strcmp(record->state, "measured") == 0)
            table->scores[target * table->count + source] = record->bts;
        else if (strcmp(record->state, "bound") == 0)
            table->bounds++;
        else
            table->predicted++;
    }
    return 0;
}

void score_table_free(struct score_table *table) {
    free(table->scores);
    table->scores = NULL;
}

/* ---- groups ---- */

struct group_names {
    char (*families)[GROUP_NAME_SIZE], scripts[LANGUAGES_MAX][GROUP_NAME_SIZE];
    bool read[LANGUAGES_MAX];
};

enum { LANGUAGE, FAMILY, SCRIPT, COLUMNS };
static const char *const column_names[COLUMNS] = {"language", "family", "script"};

/* The name of a group in a cell. */
static int read_name(char name[GROUP_NAME_SIZE], const struct csv *csv, int column, struct error *error) {
    const size_t size = strlen(csv->cells[column]) + 1;
    if (size > GROUP_NAME_SIZE)
        return cell_fault(csv, column, error, "a name of %zu bytes; there are none over %d", size - 1,
                          GROUP_NAME_SIZE - 1);
    memcpy(name, csv->cells[column], size);
    return 0;
}

static int read_language(const struct csv *csv, const int *places, const struct score_table *table,
                         struct group_names *names, struct error *error) {
    const char *code = csv->cells[places[LANGUAGE]];
    const size_t number = find_language(table, code);
    if (number == table->count)
        return 0;
    if (names->read[number])
        return cell_fault(csv, places[LANGUAGE], error, "language '%s' stands here again", code);
    names->read[number] = true;
    return read_name(names->families[number], csv, places[FAMILY], error) != 0
               ? -1
               : read_name(names->scripts[number], csv, places[SCRIPT], error);
}

/* Equal names get equal numbers: that of the first language that has the name. */
static void number_groups(size_t count, char names[][GROUP_NAME_SIZE], int *groups) {
    for (size_t i = 0; i < count; i++) {
        size_t first = 0;
        while (strcmp(names[first], names[i]) != 0)
            first++;
        groups[i] = names[i][0] ? (int)first : -1;
    }
}

static int read_groups(struct language_groups *groups, const struct score_table *table, struct csv *csv,
                       struct group_names *names, struct error *error) {
    int places[COLUMNS], row;
    for (int c = 0; c < COLUMNS; c++)
        if ((places[c] = csv_column(csv, column_names[c])) < 0)
            return cell_fault(csv, 0, error, "no column '%s'; the first line is language,family,script",
                              column_names[c]);
    while ((row = csv_next(csv, error)) == 1)
        if (read_language(csv, places, table, names, error) != 0)
            return -1;
    number_groups(table->count, names->families, groups->families);
    number_groups(table->count, names->scripts, groups->scripts);
    groups->unknown_count = 0;
    for (size_t i = 0; i < table->count; i++)
        if (groups->families[i] < 0 || groups->scripts[i] < 0)
            groups->unknown[groups->unknown_count++] = i;
    return row;
}

int language_groups_read(struct language_groups *groups, const struct score_table *table, const char *path,
                         struct error *error) {
    struct csv csv;
    struct group_names *names = calloc(1, sizeof *names);
    if (!names)
        return error_set(error, ERROR_FAILED, "no memory for families and scripts");
    memset(groups->family_names, 0, sizeof groups->family_names);
    names->families = groups->family_names;
    int result = csv_open(&csv, path, error);
    if (result == 0) {
        result = read_groups(groups, table, &csv, names, error);
        csv_close(&csv);
    }
    free(names);
    return result;
}
