#include "orchestrator/score_table.h"

#include "base/file.h"

#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { CSV_SIZE_MAX = 1 << 26, CELL_SIZE = 64 };

/* ---- CSV ---- */

/* A text that is read cell by cell. After a cell, ended says that it was the last one of its line. */
struct csv {
    const char *path;
    char *text; /* to be freed */
    const char *at, *end;
    size_t line, column; /* of the cell that was read last, from 1; columns in bytes */
    bool ended;
    char cell[CELL_SIZE]; /* without the blanks around it */
};

static int csv_open(struct csv *csv, const char *path, struct error *error) {
    size_t size;
    *csv = (struct csv){.path = path, .line = 0, .ended = true};
    if (file_read(path, CSV_SIZE_MAX, &csv->text, &size, error) != 0)
        return -1;
    if (memchr(csv->text, '\0', size))
        return error_set(error, ERROR_INPUT, "%s: holds zero bytes; neither an archive nor a CSV file", path);
    csv->at = csv->text;
    csv->end = csv->text + size;
    if (size >= 3 && memcmp(csv->text, "\357\273\277", 3) == 0) /* a byte order mark */
        csv->at += 3;
    return 0;
}

static int csv_fault(const struct csv *csv, struct error *error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static int csv_fault(const struct csv *csv, struct error *error, const char *format, ...) {
    char what[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    return error_set(error, ERROR_INPUT, "%s:%zu:%zu: %s", csv->path, csv->line, csv->column, what);
}

/* Whether there is another line with something in it; goes there. */
static bool csv_next_line(struct csv *csv) {
    while (csv->at < csv->end) {
        csv->line++;
        csv->column = 1;
        const char *stop = memchr(csv->at, '\n', (size_t)(csv->end - csv->at));
        if (!stop)
            stop = csv->end;
        if (strspn(csv->at, " \t\r") < (size_t)(stop - csv->at)) {
            csv->ended = false;
            return true;
        }
        csv->at = stop + (stop < csv->end);
    }
    return false;
}

static int csv_next_cell(struct csv *csv, struct error *error) {
    const char *start = csv->at, *stop = start;
    while (stop < csv->end && *stop != ',' && *stop != '\n')
        stop++;
    csv->column = 1;
    for (const char *c = start; c > csv->text && c[-1] != '\n'; c--)
        csv->column++;
    csv->ended = stop == csv->end || *stop == '\n';
    csv->at = stop + (stop < csv->end);
    while (start < stop && strchr(" \t\r", *start))
        start++;
    while (start < stop && strchr(" \t\r", stop[-1]))
        stop--;
    if ((size_t)(stop - start) >= sizeof csv->cell)
        return csv_fault(csv, error, "a cell of %td bytes; there are none over %d", stop - start, CELL_SIZE - 1);
    memcpy(csv->cell, start, (size_t)(stop - start));
    csv->cell[stop - start] = '\0';
    return 0;
}

/* ---- languages ---- */

static size_t find_language(const struct score_table *table, const char *code) {
    size_t i = 0;
    while (i < table->count && strcmp(table->languages[i], code) != 0)
        i++;
    return i;
}

/* The number of a language, which is added if it is new. */
static int add_language(struct score_table *table, const struct csv *csv, size_t *number, struct error *error) {
    if (!csv->cell[0] || strlen(csv->cell) >= LANGUAGE_CODE_SIZE)
        return csv_fault(csv, error, "'%s' is no language; a code of 1 to %d bytes", csv->cell, LANGUAGE_CODE_SIZE - 1);
    *number = find_language(table, csv->cell);
    if (*number < table->count)
        return 0;
    if (table->count == LANGUAGES_MAX)
        return csv_fault(csv, error, "more than %d languages", LANGUAGES_MAX);
    memcpy(table->languages[table->count++], csv->cell, strlen(csv->cell) + 1);
    return 0;
}

/* ---- the matrix ---- */

/* The first line. Its sources become the first languages of the table, in their order. */
static int read_sources(struct score_table *table, struct csv *csv, size_t *count, struct error *error) {
    if (!csv_next_line(csv))
        return error_set(error, ERROR_INPUT, "%s: empty; a matrix begins with a line of its source languages",
                         csv->path);
    if (csv_next_cell(csv, error) != 0)
        return -1;
    for (*count = 0; !csv->ended; ++*count) {
        size_t source = 0;
        if (csv_next_cell(csv, error) != 0 || add_language(table, csv, &source, error) != 0)
            return -1;
        if (source < *count)
            return csv_fault(csv, error, "source '%s' stands here again", csv->cell);
    }
    if (*count == 0)
        return csv_fault(csv, error, "no sources; the first line is as target/source,en,fr");
    return 0;
}

/* The cell of a pair: its score, or NaN. */
static int read_score(struct score_table *table, const struct csv *csv, double *score, struct error *error) {
    const char *cell = csv->cell;
    const bool bound = cell[0] == '<';
    char *end;
    *score = NAN;
    if (!cell[0] || strcmp(cell, "-") == 0 || strcasecmp(cell, "nan") == 0)
        return 0;
    const double number = strtod(cell + bound, &end);
    if (end == cell + bound || *end || !isfinite(number))
        return csv_fault(csv, error, "'%s' is no score; a number, < and a number for a bound, or nothing", cell);
    if (bound)
        table->bounds++;
    else
        *score = number;
    return 0;
}

/* A line behind the first into scores, whose rows are LANGUAGES_MAX long. */
static int read_target(struct score_table *table, struct csv *csv, size_t source_count, bool *read,
                       struct error *error) {
    size_t target = 0;
    if (csv_next_cell(csv, error) != 0 || add_language(table, csv, &target, error) != 0)
        return -1;
    if (read[target])
        return csv_fault(csv, error, "target '%s' stands here again", csv->cell);
    read[target] = true;
    size_t source = 0;
    for (; !csv->ended; source++) {
        if (csv_next_cell(csv, error) != 0)
            return -1;
        if (source == source_count)
            return csv_fault(csv, error, "more cells than the %zu sources of the first line", source_count);
        if (source != target && read_score(table, csv, &table->scores[target * LANGUAGES_MAX + source], error) != 0)
            return -1;
    }
    if (source < source_count)
        return csv_fault(csv, error, "fewer cells than the %zu sources of the first line", source_count);
    return 0;
}

static int read_matrix(struct score_table *table, struct csv *csv, struct error *error) {
    size_t source_count;
    bool read[LANGUAGES_MAX] = {false};
    if (read_sources(table, csv, &source_count, error) != 0)
        return -1;
    while (csv_next_line(csv))
        if (read_target(table, csv, source_count, read, error) != 0)
            return -1;
    for (size_t t = 0; t < table->count; t++) /* rows closer together: n instead of LANGUAGES_MAX */
        memmove(table->scores + t * table->count, table->scores + t * LANGUAGES_MAX,
                table->count * sizeof *table->scores);
    return 0;
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
    int result = csv_open(&csv, path, error);
    if (result == 0)
        result = make_scores(table, LANGUAGES_MAX, error);
    if (result == 0)
        result = read_matrix(table, &csv, error);
    free(csv.text);
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
    char families[LANGUAGES_MAX][CELL_SIZE], scripts[LANGUAGES_MAX][CELL_SIZE];
    bool read[LANGUAGES_MAX];
};

enum { LANGUAGE, FAMILY, SCRIPT, COLUMNS };
static const char *const column_names[COLUMNS] = {"language", "family", "script"};

/* The first line: which column is which. */
static int read_columns(struct csv *csv, size_t *places, struct error *error) {
    bool found[COLUMNS] = {false};
    if (!csv_next_line(csv))
        return error_set(error, ERROR_INPUT, "%s: empty; the first line is language,family,script", csv->path);
    for (size_t column = 0; !csv->ended; column++) {
        if (csv_next_cell(csv, error) != 0)
            return -1;
        for (int c = 0; c < COLUMNS; c++)
            if (strcmp(csv->cell, column_names[c]) == 0) {
                if (found[c])
                    return csv_fault(csv, error, "column '%s' stands here again", csv->cell);
                found[c] = true;
                places[c] = column;
            }
    }
    csv->column = 1;
    for (int c = 0; c < COLUMNS; c++)
        if (!found[c])
            return csv_fault(csv, error, "no column '%s'; the first line is language,family,script", column_names[c]);
    return 0;
}

static int read_language(struct csv *csv, const size_t *places, const struct score_table *table,
                         struct group_names *names, struct error *error) {
    char cells[COLUMNS][CELL_SIZE] = {"", "", ""};
    for (size_t column = 0; !csv->ended; column++) {
        if (csv_next_cell(csv, error) != 0)
            return -1;
        for (int c = 0; c < COLUMNS; c++)
            if (places[c] == column)
                memcpy(cells[c], csv->cell, CELL_SIZE);
    }
    csv->column = 1; /* what is wrong below is wrong with the line */
    const size_t number = find_language(table, cells[LANGUAGE]);
    if (number == table->count)
        return 0;
    if (names->read[number])
        return csv_fault(csv, error, "language '%s' stands here again", cells[LANGUAGE]);
    names->read[number] = true;
    memcpy(names->families[number], cells[FAMILY], CELL_SIZE);
    memcpy(names->scripts[number], cells[SCRIPT], CELL_SIZE);
    return 0;
}

/* Equal names get equal numbers: that of the first language that has the name. */
static void number_groups(size_t count, char names[][CELL_SIZE], int *groups) {
    for (size_t i = 0; i < count; i++) {
        size_t first = 0;
        while (strcmp(names[first], names[i]) != 0)
            first++;
        groups[i] = names[i][0] ? (int)first : -1;
    }
}

static int read_groups(struct language_groups *groups, const struct score_table *table, struct csv *csv,
                       struct group_names *names, struct error *error) {
    size_t places[COLUMNS] = {0};
    if (read_columns(csv, places, error) != 0)
        return -1;
    while (csv_next_line(csv))
        if (read_language(csv, places, table, names, error) != 0)
            return -1;
    number_groups(table->count, names->families, groups->families);
    number_groups(table->count, names->scripts, groups->scripts);
    groups->unknown_count = 0;
    for (size_t i = 0; i < table->count; i++)
        if (groups->families[i] < 0 || groups->scripts[i] < 0)
            groups->unknown[groups->unknown_count++] = i;
    return 0;
}

int language_groups_read(struct language_groups *groups, const struct score_table *table, const char *path,
                         struct error *error) {
    struct csv csv = {0};
    struct group_names *names = calloc(1, sizeof *names);
    int result = names ? 0 : error_set(error, ERROR_FAILED, "no memory for families and scripts");
    if (result == 0 && (result = csv_open(&csv, path, error)) == 0)
        result = read_groups(groups, table, &csv, names, error);
    free(csv.text);
    free(names);
    return result;
}
