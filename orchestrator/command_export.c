/* sweep export: a table of an archive or journal as CSV or JSON lines. Unknown numbers are empty, or null. */
#include "hdf5_schema/archive.h"
#include "hdf5_schema/journal.h"
#include "orchestrator/command.h"
#include "orchestrator/file_kind.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static json_t *number(double value) {
    return isfinite(value) ? json_real(value) : json_null();
}

/* Row i of each table as an object, whose keys are the columns in their order. NULL: no memory, or a text that is not
 * UTF-8. */

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

static json_t *curve_row(const struct study_data *data, size_t i) {
    const struct curve_point *point = &data->curves[i];
    return json_pack("{s:I, s:I, s:I, s:o, s:o}", "run", (json_int_t)point->run, "step", (json_int_t)point->step,
                     "tokens", (json_int_t)point->tokens, "learning_rate", number(point->learning_rate), "loss",
                     number(point->loss));
}

static json_t *loss_row(const struct study_data *data, size_t i) {
    const struct loss_point *point = &data->losses[i];
    return json_pack("{s:I, s:I, s:I, s:I, s:s, s:s, s:o, s:o, s:o}", "run", (json_int_t)point->run, "step",
                     (json_int_t)point->step, "tokens", (json_int_t)point->tokens, "tokens_target",
                     (json_int_t)point->tokens_target, "language", point->language, "set", point->set, "cross_entropy",
                     number(point->cross_entropy), "unigram_normalised", number(point->unigram_normalised),
                     "bits_per_byte", number(point->bits_per_byte));
}

static json_t *transfer_row(const struct study_data *data, size_t i) {
    const struct transfer_record *score = &data->transfer[i];
    return json_pack("{s:s, s:s, s:o, s:o, s:s}", "source", score->source, "target", score->target, "d",
                     number(score->d), "bts", number(score->bts), "state", score->state);
}

static const struct export_table {
    const char *name;
    json_t *(*row)(const struct study_data *data, size_t i);
    size_t count_offset; /* of the number of its rows in struct study_data */
} tables[] = {
    {"runs", run_row, offsetof(struct study_data, run_count)},
    {"curves", curve_row, offsetof(struct study_data, curve_count)},
    {"losses", loss_row, offsetof(struct study_data, loss_count)},
    {"transfer", transfer_row, offsetof(struct study_data, transfer_count)},
};
enum { TABLES = sizeof tables / sizeof *tables };

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

/* The header comes from a blank row, so that a table without rows has one. */
static int print_csv_header(const struct export_table *table, struct error *error) {
    struct run_record run = {0};
    struct run_outcome outcome = {0};
    struct curve_point curve = {0};
    struct loss_point loss = {0};
    struct transfer_record transfer = {0};
    const struct study_data blank = {
        .runs = &run, .outcomes = &outcome, .curves = &curve, .losses = &loss, .transfer = &transfer};
    json_t *row = table->row(&blank, 0);
    if (!row)
        return error_set(error, ERROR_FAILED, "export: no memory");
    print_csv_row(row, true);
    json_decref(row);
    return 0;
}

static int print_table(const struct export_table *table, const struct study_data *data, bool jsonl,
                       struct error *error) {
    const size_t count = *(const size_t *)(const void *)((const char *)data + table->count_offset);
    if (!jsonl && print_csv_header(table, error) != 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        json_t *row = table->row(data, i);
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
    if (table->count_offset == offsetof(struct study_data, transfer_count))
        return error_set(error, ERROR_INPUT, "%s: a journal holds no transfer scores; export them from its archive",
                         path);
    return journal_read(path, data, &torn_bytes, error);
}

int command_export(const struct command *command, int count, char **words, struct error *error) {
    const char *path, *table_name = NULL, *format = "csv";
    const struct option options[] = {
        {"--table", "NAME", "runs, curves, losses or transfer", .text = &table_name},
        {"--format", "FORMAT", "csv (default) or jsonl", .text = &format},
        {0},
    };
    const int parsed = command_parse(command, options, count, words, &path, 1, 1, error);
    if (parsed != 0)
        return parsed < 0 ? -1 : 0;
    const struct export_table *table = NULL;
    for (int t = 0; t < TABLES; t++)
        if (table_name && strcmp(tables[t].name, table_name) == 0)
            table = &tables[t];
    if (!table)
        return error_set(error, ERROR_INPUT, "export: --table %s; it is runs, curves, losses or transfer",
                         table_name ? table_name : "is missing");
    const bool jsonl = strcmp(format, "jsonl") == 0;
    if (!jsonl && strcmp(format, "csv") != 0)
        return error_set(error, ERROR_INPUT, "export: --format %s; it is csv or jsonl", format);

    struct study_data data;
    if (read_study_data(path, table, &data, error) != 0)
        return -1;
    const int result = print_table(table, &data, jsonl, error);
    study_data_free(&data);
    return result;
}
