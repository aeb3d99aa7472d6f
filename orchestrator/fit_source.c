#include "orchestrator/fit_source.h"

#include "hdf5_schema/archive.h"
#include "hdf5_schema/journal.h"
#include "orchestrator/file_kind.h"
#include "orchestrator/settings.h"

#include <stdlib.h>
#include <string.h>

enum { BOOTSTRAPS_MAX = 1000000 };

const struct fit_columns fit_columns_chinchilla = {3, {"N", "D", "L"}, {"N", "D", "cross_entropy"}, "monolingual"};

int fit_source_open(struct fit_source *source, struct error *error) {
    enum file_kind file;
    uint64_t torn_bytes;
    if (file_kind_find(source->path, &file, error) != 0)
        return -1;
    source->is_study = file == FILE_KIND_ARCHIVE || file == FILE_KIND_JOURNAL;
    if (!source->is_study)
        return 0;
    return file == FILE_KIND_ARCHIVE ? archive_read(source->path, &source->data, error)
                                     : journal_read(source->path, &source->data, &torn_bytes, error);
}

void fit_source_free(struct fit_source *source) {
    study_data_free(&source->data);
}

/* The number behind "key: " in the settings of a study. */
static int read_setting(const struct study_data *data, const char *key, double *value, struct error *error) {
    char *line = settings_select(data->study.settings, (const char *const[]){key, NULL});
    const char *text = line ? strchr(line, ':') : NULL;
    const int status =
        text && sscanf(text, ": %lf", value) == 1
            ? 0
            : error_set(error, ERROR_INPUT, "the settings of study %s hold no %s", data->study.name, key);
    free(line);
    return status;
}

/* --where of a study: language, kind, size and set. */
static int parse_filter(const struct option_list *where, struct fit_filter *filter, struct error *error) {
    for (int w = 0; w < where->count; w++) {
        const char *text = where->values[w];
        if (strncmp(text, "language=", 9) == 0)
            filter->language = text + 9;
        else if (strncmp(text, "kind=", 5) == 0)
            filter->kind = text + 5;
        else if (strncmp(text, "size=", 5) == 0)
            filter->size = text + 5;
        else if (strncmp(text, "set=", 4) == 0)
            filter->set = text + 4;
        else
            return error_set(error, ERROR_INPUT, "--where %s; of a study it is language=, kind=, size= or set=", text);
    }
    return 0;
}

int fit_source_constant_part(const struct study_data *data, struct fit_filter *filter, struct error *error) {
    double warmup;
    if (read_setting(data, "training.warmup_steps", &warmup, error) != 0 ||
        read_setting(data, "training.decay_fraction", &filter->decay_fraction, error) != 0)
        return -1;
    filter->warmup_steps = (uint64_t)warmup;
    return 0;
}

/* ---- one table ---- */

/* A law is of one language: without --where language= there must be only one. */
static int choose_language(const struct fit_source *source, const struct fit_filter *filter, struct error *error) {
    const struct study_data *data = &source->data;
    for (size_t i = 0; i < data->loss_count && !filter->language; i++)
        if (strncmp(data->losses[i].language, data->losses[0].language, LANGUAGE_CODE_SIZE) != 0)
            return error_set(error, ERROR_INPUT,
                             "%s: losses of several languages (%.*s, %.*s, ...); choose one by --where language=%.*s",
                             source->path, LANGUAGE_CODE_SIZE, data->losses[0].language, LANGUAGE_CODE_SIZE,
                             data->losses[i].language, LANGUAGE_CODE_SIZE, data->losses[0].language);
    return 0;
}

const char *fit_source_language(const struct fit_source *source) {
    struct fit_filter filter = {0};
    if (parse_filter(&source->where, &filter, NULL) == 0 && filter.language)
        return filter.language;
    return source->data.loss_count > 0 ? source->data.losses[0].language : NULL;
}

int fit_source_table(const struct fit_source *source, const struct fit_columns *columns, struct fit_table *table,
                     struct error *error) {
    const char *names[FIT_TABLE_COLUMNS_MAX];
    memcpy(names, source->is_study ? columns->study : columns->csv, sizeof names);
    if (source->loss)
        names[columns->count - 1] = source->loss;
    if (!source->is_study)
        return fit_table_read(source->path, names, columns->count, source->where.values, source->where.count, table,
                              error);
    struct fit_filter filter = {.kind = columns->run_kind, .set = "test"};
    const char *loss = names[columns->count - 1];
    if (strcmp(loss, "cross_entropy") != 0 && strcmp(loss, "unigram_normalised") != 0 &&
        strcmp(loss, "bits_per_byte") != 0)
        return error_set(error, ERROR_INPUT,
                         "--loss %s; of a study it is cross_entropy, unigram_normalised or bits_per_byte", loss);
    if (parse_filter(&source->where, &filter, error) != 0 || choose_language(source, &filter, error) != 0 ||
        fit_source_constant_part(&source->data, &filter, error) != 0)
        return -1;
    return fit_table_of_study(&source->data, names, columns->count, &filter, table, error);
}

/* ---- a table a target ---- */

int fit_source_observations(const struct fit_source *source, struct observations *observations, struct error *error) {
    struct fit_filter filter = {.set = "test"};
    if (source->is_study ? source->loss || source->unique : source->where.count > 0)
        return error_set(error, ERROR_INPUT,
                         "--law atlas takes --loss and --unique with a CSV file, --where with a study");
    if (!source->is_study)
        return observations_read(source->path, source->loss ? source->loss : "L", source->unique, observations, error);
    return parse_filter(&source->where, &filter, error) == 0 &&
                   fit_source_constant_part(&source->data, &filter, error) == 0
               ? observations_of_study(&source->data, &filter, observations, error)
               : -1;
}

int fit_source_options(double delta, uint64_t bootstraps, uint64_t seed, struct fit_options *options,
                       struct error *error) {
    *options = (struct fit_options){.delta = delta, .bootstraps = (int)bootstraps, .seed = seed};
    if (bootstraps == 1 || bootstraps > BOOTSTRAPS_MAX)
        return error_set(error, ERROR_INPUT, "--bootstrap %llu; it is 0 for none, or 2 to %d",
                         (unsigned long long)bootstraps, BOOTSTRAPS_MAX);
    return 0;
}
