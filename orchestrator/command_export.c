/* sweep export: a table of an archive or journal as CSV or JSON lines, where unknown numbers are empty, or null; or a
 * run as a folder. */
#include "base/file.h"
#include "hdf5_schema/archive.h"
#include "hdf5_schema/journal.h"
#include "hdf5_schema/table_rows.h"
#include "orchestrator/command.h"
#include "orchestrator/export_run.h"
#include "orchestrator/file_kind.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Of /runs and /execution what tells a run, with its languages in a word: a row as an object as below. */
static json_t *run_row(const struct study_data *data, size_t i) {
    const struct run_record *run = &data->runs[i];
    const struct run_outcome *outcome = &data->outcomes[i];
    char languages[LANGUAGES_MAX * LANGUAGE_CODE_SIZE] = "";
    size_t used = 0;
    for (uint32_t l = 0; l < run->language_count; l++)
        used += (size_t)snprintf(languages + used, sizeof languages - used, "%s%s", l ? "+" : "",
                                 run->languages[l].language);
    return json_pack(
        "{s:I, s:s, s:s, s:o, s:I, s:I, s:s, s:I, s:I, s:I, s:I, s:s}", "run", (json_int_t)run->run, "kind", run->kind,
        "languages", languages, "scale", run->scale >= 0 ? json_integer(run->scale) : json_null(), "parameters",
        (json_int_t)run->parameters, "ranks", (json_int_t)outcome->ranks, "status", run_status_name(outcome->status),
        "attempts", (json_int_t)outcome->attempt, "steps", (json_int_t)run->steps, "tokens", (json_int_t)run->tokens,
        "seed", (json_int_t)run->seed, "cause", outcome->cause);
}

/* A table under the name of its group. One that is more than a group's columns has a function that makes its rows. */
static const struct export_table {
    const char *name;
    const char *columns; /* of them, in this order; NULL: all */
    json_t *(*row)(const struct study_data *data, size_t i);
    enum table_number number;
    bool worked_out; /* after the runs: no journal holds it */
} tables[] = {
    {.name = "runs", .number = TABLE_RUNS, .row = run_row},
    {.name = "execution", .number = TABLE_EXECUTION},
    {.name = "mixtures", .number = TABLE_MIXTURES},
    {.name = "tokens", .number = TABLE_TOKENS},
    {.name = "curves", .number = TABLE_CURVES},
    {.name = "losses",
     .number = TABLE_LOSSES,
     .columns = "run step tokens tokens_target language set cross_entropy unigram_normalised bits_per_byte"},
    {.name = "transfer", .number = TABLE_TRANSFER, .columns = "source target d bts state", .worked_out = true},
    {.name = "adaptation", .number = TABLE_ADAPTATION, .worked_out = true},
    {.name = "crossovers", .number = TABLE_CROSSOVERS, .worked_out = true},
    {.name = "laws", .number = TABLE_LAWS, .worked_out = true},
    {.name = "law_parameters", .number = TABLE_LAW_PARAMETERS, .worked_out = true},
};
enum { TABLES = sizeof tables / sizeof *tables };

#define TABLE_NAMES                                                                                                    \
    "runs, execution, mixtures, tokens, curves, losses, transfer, adaptation, crossovers, laws or law_parameters"

static json_t *cell(const struct column *column, const void *row) {
    const void *field = (const char *)row + column->offset;
    switch (column->type) {
    case COLUMN_U32:
        return json_integer(*(const uint32_t *)field);
    case COLUMN_I32:
        return json_integer(*(const int32_t *)field);
    case COLUMN_U64:
        return json_integer((json_int_t) * (const uint64_t *)field);
    case COLUMN_F64:
        return command_number(*(const double *)field);
    case COLUMN_TEXT:
        return json_string(field);
    case COLUMN_STATUS:
        return json_string(run_status_name(*(const enum run_status *)field));
    }
    return NULL;
}

static bool add_cell(json_t *object, const struct column *column, const void *row) {
    return json_object_set_new(object, column->name, cell(column, row)) == 0;
}

static const struct column *find_column(const struct table *schema, const char *name, size_t length) {
    const struct column *column = schema->columns;
    while (strlen(column->name) != length || strncmp(column->name, name, length) != 0)
        column++;
    return column;
}

/* A row as an object whose keys are the columns in their order. NULL: no memory, or a text that is not UTF-8. */
static json_t *schema_row(const struct export_table *table, const void *row) {
    const struct table *schema = &schema_tables[table->number];
    json_t *object = json_object();
    bool good = object != NULL;
    for (size_t c = 0; good && !table->columns && c < schema->column_count; c++)
        good = add_cell(object, &schema->columns[c], row);
    size_t length;
    for (const char *name = table->columns; good && name && *name; name += length + (name[length] == ' ')) {
        length = strcspn(name, " ");
        good = add_cell(object, find_column(schema, name, length), row);
    }
    if (good)
        return object;
    json_decref(object);
    return NULL;
}

/* A text as RFC 4180 has it: in quotes when it holds a comma, a quote or an end of line. */
static void print_csv_text(const char *text) {
    if (!strpbrk(text, ",\"\r\n")) {
        fputs(text, stdout);
        return;
    }
    putchar('"');
    for (const char *c = text; *c; c++) {
        if (*c == '"')
            putchar('"');
        putchar(*c);
    }
    putchar('"');
}

static void print_csv_row(json_t *row, bool header) {
    const char *name, *separator = "";
    json_t *value;
    json_object_foreach(row, name, value) {
        fputs(separator, stdout);
        separator = ",";
        if (header)
            fputs(name, stdout);
        else if (json_is_string(value))
            print_csv_text(json_string_value(value));
        else if (json_is_integer(value))
            printf("%" JSON_INTEGER_FORMAT, json_integer_value(value));
        else if (json_is_real(value))
            printf("%.17g", json_real_value(value));
    }
    putchar('\n');
}

static json_t *table_row(const struct export_table *table, const struct study_data *data, const void *rows, size_t i) {
    return table->row ? table->row(data, i)
                      : schema_row(table, (const char *)rows + i * schema_tables[table->number].struct_size);
}

/* The header comes from a blank row, so that a table without rows has one. */
static int print_csv_header(const struct export_table *table, struct error *error) {
    static const union {
        struct run_record run;
        struct run_outcome outcome;
        struct loss_point loss;
        struct transfer_record transfer;
        struct adaptation_record adaptation;
        struct crossover_record crossover;
        struct law_record law;
        struct law_parameter_row parameter;
    } blank;
    struct run_record run = {0};
    struct run_outcome outcome = {0};
    const struct study_data data = {.runs = &run, .outcomes = &outcome};
    json_t *row = table_row(table, &data, &blank, 0);
    if (!row)
        return error_set(error, ERROR_FAILED, "export: no memory");
    print_csv_row(row, true);
    json_decref(row);
    return 0;
}

static int print_rows(const struct export_table *table, const struct study_data *data, const struct table_rows *rows,
                      bool jsonl, struct error *error) {
    if (!jsonl && print_csv_header(table, error) != 0)
        return -1;
    for (size_t i = 0; i < rows->count; i++) {
        json_t *row = table_row(table, data, rows->rows, i);
        if (!row)
            return error_set(error, ERROR_FAILED, "export: row %zu of %s holds a text that is not UTF-8", i,
                             table->name);
        if (jsonl) {
            json_dumpf(row, stdout, JSON_COMPACT | JSON_REAL_PRECISION(17));
            putchar('\n');
        } else {
            print_csv_row(row, false);
        }
        json_decref(row);
    }
    if (ferror(stdout))
        return error_set(error, ERROR_FAILED, "standard output: cannot be written");
    return 0;
}

static int print_table(const struct export_table *table, const struct study_data *data, bool jsonl,
                       struct error *error) {
    struct table_rows rows[TABLE_COUNT];
    if (table_rows_make(data, rows) != 0)
        return error_set(error, ERROR_FAILED, "export: no memory for the tables");
    const int result = print_rows(table, data, &rows[table->number], jsonl, error);
    table_rows_free(rows);
    return result;
}

static int read_study_data(const char *path, const struct export_table *table, struct study_data *data,
                           struct error *error) {
    enum file_kind kind;
    uint64_t torn_bytes;
    if (file_kind_find(path, &kind, error) != 0)
        return -1;
    if (kind == FILE_KIND_ARCHIVE)
        return archive_read(path, data, error);
    if (kind != FILE_KIND_JOURNAL)
        return error_set(error, ERROR_INPUT, "%s: neither an archive nor a journal of sweep", path);
    if (table->worked_out)
        return error_set(error, ERROR_INPUT, "%s: a journal holds no %s; export it from its archive", path,
                         table->name);
    return journal_read(path, data, &torn_bytes, error);
}

static int export_table(const char *path, const char *table_name, const char *format, struct error *error) {
    const struct export_table *table = NULL;
    for (int t = 0; t < TABLES; t++)
        if (table_name && strcmp(tables[t].name, table_name) == 0)
            table = &tables[t];
    if (!table)
        return error_set(error, ERROR_INPUT, "export: --table %s; it is " TABLE_NAMES,
                         table_name ? table_name : "is missing");
    const bool jsonl = format && strcmp(format, "jsonl") == 0;
    if (format && !jsonl && strcmp(format, "csv") != 0)
        return error_set(error, ERROR_INPUT, "export: --format %s; it is csv or jsonl", format);

    struct study_data data;
    if (read_study_data(path, table, &data, error) != 0)
        return -1;
    const int result = print_table(table, &data, jsonl, error);
    study_data_free(&data);
    return result;
}

int command_export(const struct command *command, int count, char **words, struct error *error) {
    const char *path, *table_name = NULL, *format = NULL, *folder = NULL;
    uint64_t run = UINT64_MAX;
    const struct option options[] = {
        {"--table", "NAME", TABLE_NAMES, .text = &table_name},
        {"--format", "FORMAT", "of the table: csv (default) or jsonl", .text = &format},
        {"--run", "NUMBER", "instead of a table: the weights of a run that were kept (checkpoints.keep)",
         .count = &run},
        {"-o", "FOLDER", "where they go, with their vocabulary and a README.md; nothing may be there", .text = &folder},
        {0},
    };
    const int parsed = command_parse(command, options, count, words, &path, 1, 1, error);
    if (parsed != 0)
        return parsed < 0 ? -1 : 0;
    const bool is_run = run != UINT64_MAX;
    if (is_run && (table_name || format))
        return error_set(error, ERROR_INPUT, "export: --run and %s; either a run or a table",
                         table_name ? "--table" : "--format");
    if (is_run != (folder != NULL))
        return error_set(error, ERROR_INPUT, "export: %s", is_run ? "-o FOLDER is missing" : "-o is for --run");
    if (!is_run)
        return export_table(path, table_name, format, error);
    if (file_exists(folder))
        return error_set(error, ERROR_INPUT, "%s: is there already; move it away, or name another with -o", folder);
    if (export_run(path, run, folder, error) != 0)
        return -1;
    printf("%s/README.md\n", folder);
    return 0;
}
