#include "orchestrator/observations.h"

#include "base/checksum.h"
#include "base/csv.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A row on its way into a table: an observation whose shares stand at a place of their room. */
struct told_row {
    size_t target, share_row;
    uint64_t run;
    struct observation observation;
};

static int no_memory(struct error *error) {
    return error_set(error, ERROR_FAILED, "no memory for the observations");
}

void observations_free(struct observations *observations) {
    for (size_t l = 0; observations->names && l < observations->languages; l++)
        free(observations->names[l]);
    free(observations->names);
    free(observations->unique);
    free(observations->shares);
    free(observations->rows);
    free(observations->runs);
    free(observations->targets);
    *observations = (struct observations){0};
}

/* Room for the languages; all unique tokens unknown. */
static int languages_make(struct observations *observations, size_t count, struct error *error) {
    observations->names = calloc(count + 1, sizeof *observations->names);
    observations->unique = calloc(count + 1, sizeof *observations->unique);
    if (!observations->names || !observations->unique)
        return no_memory(error);
    for (size_t l = 0; l < count; l++)
        observations->unique[l] = INFINITY;
    return 0;
}

static int language_add(struct observations *observations, const char *name, struct error *error) {
    observations->names[observations->languages] = strdup(name);
    return observations->names[observations->languages++] ? 0 : no_memory(error);
}

static size_t language_find(const struct observations *observations, const char *name) {
    size_t l = 0;
    while (l < observations->languages && strcmp(observations->names[l], name) != 0)
        l++;
    return l;
}

/* Sorts told rows into a table for each target, rows in the order in which they were told. */
static int tables_make(const struct told_row *told, size_t count, bool runs_known, struct observations *observations,
                       struct error *error) {
    const size_t languages = observations->languages;
    observations->rows = calloc(count + 1, sizeof *observations->rows);
    observations->runs = runs_known ? calloc(count + 1, sizeof *observations->runs) : NULL;
    observations->targets = calloc(languages + 1, sizeof *observations->targets);
    size_t *table_of = calloc(languages + 1, sizeof *table_of); /* a target's table + 1 */
    if (!observations->rows || (runs_known && !observations->runs) || !observations->targets || !table_of) {
        free(table_of);
        return no_memory(error);
    }
    for (size_t i = 0; i < count; i++) {
        const size_t target = told[i].target;
        if (table_of[target] == 0) {
            observations->targets[observations->target_count++] =
                (struct mixture_table){.languages = languages,
                                       .names = (const char *const *)observations->names,
                                       .target = target,
                                       .unique = observations->unique};
            table_of[target] = observations->target_count;
        }
        observations->targets[table_of[target] - 1].count++;
    }
    size_t next = 0;
    for (size_t t = 0; t < observations->target_count; t++) {
        observations->targets[t].rows = observations->rows + next;
        observations->targets[t].runs = runs_known ? observations->runs + next : NULL;
        next += observations->targets[t].count;
        observations->targets[t].count = 0;
    }
    for (size_t i = 0; i < count; i++) {
        struct mixture_table *table = &observations->targets[table_of[told[i].target] - 1];
        const size_t place = (size_t)(table->rows - observations->rows) + table->count++;
        observations->rows[place] = told[i].observation;
        observations->rows[place].share = observations->shares + told[i].share_row * languages;
        if (runs_known)
            observations->runs[place] = told[i].run;
    }
    free(table_of);
    return 0;
}

/* ---- CSV ---- */

static const char *const KIND_NAMES[] = {"mono", "bilingual", "unimax", "mixture"};

/* Columns of the file; token_columns [languages]. */
struct columns {
    int target, kind, N, L, *token_columns;
    int run; /* -1: none */
};

static int columns_find(const struct csv *csv, const char *loss, struct columns *columns,
                        struct observations *observations, struct error *error) {
    const char *const names[] = {"target", "kind", "N", loss};
    int *places[] = {&columns->target, &columns->kind, &columns->N, &columns->L};
    for (int c = 0; c < 4; c++)
        if ((*places[c] = csv_column(csv, names[c])) < 0)
            return error_set(error, ERROR_INPUT,
                             "%s: no column %s; the ATLAS law needs target, kind, N, %s and D_<language>", csv->path,
                             names[c], loss);
    columns->run = csv_column(csv, "run");
    columns->token_columns = calloc((size_t)csv->columns, sizeof *columns->token_columns);
    if (!columns->token_columns)
        return no_memory(error);
    if (languages_make(observations, (size_t)csv->columns, error) != 0)
        return -1;
    for (int c = 0; c < csv->columns; c++)
        if (strncmp(csv->names[c], "D_", 2) == 0) {
            columns->token_columns[observations->languages] = c;
            if (language_add(observations, csv->names[c] + 2, error) != 0)
                return -1;
        }
    if (observations->languages == 0)
        return error_set(error, ERROR_INPUT, "%s: no column D_<language>; they hold the tokens seen of each",
                         csv->path);
    return 0;
}

/* Reads one row; shares [languages] become those of its tokens. */
static int row_read(const struct csv *csv, const struct columns *columns, const struct observations *observations,
                    double *shares, struct told_row *told, struct error *error) {
    struct observation *row = &told->observation;
    const char *target = csv->cells[columns->target], *kind = csv->cells[columns->kind];
    told->target = language_find(observations, target);
    if (told->target == observations->languages)
        return error_set(error, ERROR_INPUT, "%s:%zu:%d: there is no column D_%s for the target \"%s\"", csv->path,
                         csv->line_number, columns->target + 1, target, target);
    int k = 0;
    while (k < 4 && strcmp(kind, KIND_NAMES[k]) != 0)
        k++;
    if (k == 4)
        return error_set(error, ERROR_INPUT, "%s:%zu:%d: kind is \"%s\"; mono, bilingual, unimax or mixture", csv->path,
                         csv->line_number, columns->kind + 1, kind);
    row->kind = (enum training_kind)k;
    if (columns->run >= 0)
        told->run = checksum64(csv->cells[columns->run], strlen(csv->cells[columns->run]));
    if (csv_number(csv, columns->N, &row->N, error) != 0 || csv_number(csv, columns->L, &row->L, error) != 0)
        return -1;
    row->D = 0;
    for (size_t l = 0; l < observations->languages; l++) {
        const int column = columns->token_columns[l];
        shares[l] = 0;
        if (csv->cells[column][0] != '\0' && csv_number(csv, column, &shares[l], error) != 0)
            return -1;
        if (!(shares[l] >= 0))
            return error_set(error, ERROR_INPUT, "%s:%zu:%d: %s is %g; tokens are zero or more", csv->path,
                             csv->line_number, column + 1, csv->names[column], shares[l]);
        row->D += shares[l];
    }
    for (size_t l = 0; l < observations->languages && row->D > 0; l++)
        shares[l] /= row->D;
    return 0;
}

static int rows_read(struct csv *csv, const struct columns *columns, struct observations *observations,
                     struct told_row **told, size_t *count, struct error *error) {
    const size_t languages = observations->languages;
    size_t room = 0;
    int more;
    while ((more = csv_next(csv, error)) == 1) {
        if (*count == room) {
            room = room ? 2 * room : 1024;
            struct told_row *rows = realloc(*told, room * sizeof *rows);
            *told = rows ? rows : *told;
            double *shares = realloc(observations->shares, room * languages * sizeof *shares);
            observations->shares = shares ? shares : observations->shares;
            if (!rows || !shares)
                return no_memory(error);
        }
        struct told_row *row = &(*told)[*count];
        double *shares = observations->shares + *count * languages;
        if (row_read(csv, columns, observations, shares, row, error) != 0)
            return -1;
        row->share_row = *count;
        if (shares[row->target] > 0)
            ++*count;
        else
            observations->unseen++;
    }
    return more;
}

/* Languages that the runs did not see are none of our business. */
static int unique_read(const char *path, struct observations *observations, struct error *error) {
    struct csv csv;
    if (csv_open(&csv, path, error) != 0)
        return -1;
    const int language = csv_column(&csv, "language"), tokens = csv_column(&csv, "unique_tokens");
    int more = language >= 0 && tokens >= 0
                   ? 0
                   : error_set(error, ERROR_INPUT, "%s: the columns must be language and unique_tokens", path);
    while (more == 0 && (more = csv_next(&csv, error)) == 1) {
        const size_t l = language_find(observations, csv.cells[language]);
        double value;
        more = csv_number(&csv, tokens, &value, error);
        if (more == 0 && !(value > 0))
            more = error_set(error, ERROR_INPUT, "%s:%zu:%d: unique_tokens is %g; it must be positive", path,
                             csv.line_number, tokens + 1, value);
        if (more == 0 && l < observations->languages)
            observations->unique[l] = value;
    }
    csv_close(&csv);
    return more;
}

int observations_read(const char *path, const char *loss, const char *unique_path, struct observations *observations,
                      struct error *error) {
    struct csv csv;
    struct columns columns = {0};
    struct told_row *told = NULL;
    size_t count = 0;
    *observations = (struct observations){0};
    if (csv_open(&csv, path, error) != 0)
        return -1;
    int status = columns_find(&csv, loss, &columns, observations, error);
    if (status == 0)
        status = rows_read(&csv, &columns, observations, &told, &count, error);
    csv_close(&csv);
    if (status == 0 && unique_path)
        status = unique_read(unique_path, observations, error);
    if (status == 0)
        status = tables_make(told, count, columns.run >= 0, observations, error);
    free(told);
    free(columns.token_columns);
    if (status != 0)
        observations_free(observations);
    return status;
}

/* ---- a study ---- */

static enum training_kind kind_of(const struct run_record *run) {
    return strcmp(run->kind, "monolingual") == 0 ? TRAINED_MONOLINGUAL
           : strcmp(run->kind, "bilingual") == 0 ? TRAINED_BILINGUAL
           : strcmp(run->name, "unimax") == 0    ? TRAINED_UNIMAX
                                                 : TRAINED_MIXTURE;
}

double observations_unique_tokens(const struct study_data *data, const char *language) {
    double unique = INFINITY;
    for (size_t i = 0; i < data->seen_count; i++) {
        const struct language_tokens *seen = &data->seen[i];
        if (seen->epochs > 0 && fit_run_is_plain(&data->runs[seen->run]) &&
            strncmp(seen->language, language, LANGUAGE_CODE_SIZE) == 0)
            unique = (double)seen->tokens / seen->epochs;
    }
    return unique;
}

/* Languages, and the shares of each run as a row. */
static int runs_take(const struct study_data *data, struct observations *observations, struct error *error) {
    if (languages_make(observations, LANGUAGES_MAX, error) != 0)
        return -1;
    for (size_t r = 0; r < data->run_count; r++)
        for (uint32_t l = 0; l < data->runs[r].language_count; l++) {
            const char *code = data->runs[r].languages[l].language;
            if (language_find(observations, code) < observations->languages)
                continue;
            if (observations->languages == LANGUAGES_MAX)
                return error_set(error, ERROR_INPUT, "study %s: more than %d languages", data->study.name,
                                 LANGUAGES_MAX);
            if (language_add(observations, code, error) != 0)
                return -1;
        }
    const size_t languages = observations->languages;
    observations->shares = calloc(data->run_count * languages + 1, sizeof *observations->shares);
    if (!observations->shares)
        return no_memory(error);
    for (size_t r = 0; r < data->run_count; r++)
        for (uint32_t l = 0; l < data->runs[r].language_count; l++) {
            const struct language_tokens *part = &data->runs[r].languages[l];
            observations->shares[r * languages + language_find(observations, part->language)] = part->weight;
        }
    for (size_t l = 0; l < languages; l++)
        observations->unique[l] = observations_unique_tokens(data, observations->names[l]);
    return 0;
}

int observations_of_study(const struct study_data *data, const struct fit_filter *filter,
                          struct observations *observations, struct error *error) {
    *observations = (struct observations){0};
    struct told_row *told = calloc(data->loss_count + 1, sizeof *told);
    size_t count = 0;
    int status = told ? runs_take(data, observations, error) : no_memory(error);
    for (size_t i = 0; i < data->loss_count && status == 0; i++) {
        const struct loss_point *point = &data->losses[i];
        if (!fit_row_wanted(data, point, filter))
            continue;
        const struct run_record *run = &data->runs[point->run];
        const size_t target = language_find(observations, point->language);
        if (target == observations->languages ||
            observations->shares[point->run * observations->languages + target] <= 0) {
            observations->unseen++;
            continue;
        }
        told[count++] = (struct told_row){
            target,
            point->run,
            point->run,
            {(double)run->parameters, (double)point->tokens, point->cross_entropy, NULL, kind_of(run)}};
    }
    if (status == 0)
        status = tables_make(told, count, true, observations, error);
    free(told);
    if (status != 0)
        observations_free(observations);
    return status;
}
