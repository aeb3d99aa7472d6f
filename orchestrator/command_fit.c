/* sweep fit: a scaling law of a table, as a table for people or as JSON. */
#include "base/file.h"
#include "hdf5_schema/archive.h"
#include "hdf5_schema/journal.h"
#include "laws/capacity.h"
#include "laws/chinchilla.h"
#include "laws/data_constrained.h"
#include "laws/multilingual.h"
#include "orchestrator/command.h"
#include "orchestrator/file_kind.h"
#include "orchestrator/fit_atlas.h"
#include "orchestrator/fit_print.h"
#include "orchestrator/fit_table.h"
#include "orchestrator/settings.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

enum { BOOTSTRAPS_MAX = 1000000 };

/* Values of parameters that are held, NaN for those to fit, by the order of the law. */
struct holds {
    double values[FIT_PARAMETERS_MAX];
};

/* ---- the laws ---- */

/* Fits a law that lies over a table, and lets go of its columns. */
static int fit_laid(const struct fit_table *table, struct fit_law *law, double *room, const struct holds *holds,
                    const struct fit_options *options, struct fit *fit, struct error *error) {
    for (int j = 0; j < law->parameter_count; j++) {
        law->parameters[j].held = !isnan(holds->values[j]);
        law->parameters[j].value = holds->values[j];
    }
    law->runs = table->runs;
    const int status = fit_law(law, options, fit, error);
    free(room);
    return status;
}

static int fit_chinchilla(const struct fit_table *t, const struct holds *holds, const struct fit_options *options,
                          struct fit_law *law, struct fit *fit, struct error *error) {
    const struct loss_table table = {t->count, t->columns[0], t->columns[1], t->columns[2]};
    double *room;
    return chinchilla_law(&table, law, &room, error) || fit_laid(t, law, room, holds, options, fit, error) ? -1 : 0;
}

static int fit_data_constrained(const struct fit_table *t, const struct holds *holds, const struct fit_options *options,
                                struct fit_law *law, struct fit *fit, struct error *error) {
    const struct repeated_table table = {t->count, t->columns[0], t->columns[1], t->columns[2], t->columns[3], t->runs};
    return data_constrained_fit(&table, holds->values, options, law, fit, error);
}

static int fit_multilingual(const struct fit_table *t, const struct holds *holds, const struct fit_options *options,
                            struct fit_law *law, struct fit *fit, struct error *error) {
    const struct share_table table = {t->count, t->columns[0], t->columns[1], t->columns[2], t->columns[3]};
    double *room;
    return multilingual_law(&table, law, &room, error) || fit_laid(t, law, room, holds, options, fit, error) ? -1 : 0;
}

static int fit_capacity(const struct fit_table *t, const struct holds *holds, const struct fit_options *options,
                        struct fit_law *law, struct fit *fit, struct error *error) {
    const struct capacity_table table = {t->count, t->columns[0], t->columns[1], t->columns[2], t->columns[3]};
    double *room;
    return capacity_law(&table, law, &room, error) || fit_laid(t, law, room, holds, options, fit, error) ? -1 : 0;
}

static const struct law_kind {
    const char *name, *formula;
    int column_count; /* with the loss, which comes last */
    const char *columns[FIT_TABLE_COLUMNS_MAX], *study_columns[FIT_TABLE_COLUMNS_MAX];
    const char *run_kind;                       /* of a study; NULL: all */
    const char *parameters[FIT_PARAMETERS_MAX]; /* for --hold */
    int (*fit)(const struct fit_table *table, const struct holds *holds, const struct fit_options *options,
               struct fit_law *law, struct fit *fit, struct error *error);
} kinds[] = {
    {"chinchilla",
     "L = E + A/N^alpha + B/D^beta",
     3,
     {"N", "D", "L"},
     {"N", "D", "cross_entropy"},
     "monolingual",
     {"E", "A", "B", "alpha", "beta"},
     fit_chinchilla},
    {"data-constrained",
     "L = E + A/N'^alpha + B/D'^beta; N', D': worth of N and D at U unique tokens",
     4,
     {"N", "D", "U", "L"},
     {"N", "D", "U", "cross_entropy"},
     "monolingual",
     {"E", "A", "B", "alpha", "beta", "RD", "RN"},
     fit_data_constrained},
    {"multilingual",
     "L = (E + A/N^alpha + B/D^beta) p^-gamma",
     4,
     {"N", "D", "p", "L"},
     {"N", "D", "p", "cross_entropy"},
     NULL,
     {"E", "A", "B", "alpha", "beta", "gamma"},
     fit_multilingual},
    {"capacity",
     "L = Linf + A K^phi/N^alpha + B K^psi/D^beta",
     4,
     {"K", "N", "D", "L"},
     {"K", "N", "Dt", "cross_entropy"},
     NULL,
     {"Linf", "A", "B", "alpha", "beta", "phi", "psi"},
     fit_capacity},
};
enum { KINDS = sizeof kinds / sizeof *kinds };

static const struct law_kind *find_kind(const char *name, struct error *error) {
    for (int k = 0; k < KINDS; k++)
        if (strcmp(kinds[k].name, name) == 0)
            return &kinds[k];
    error_set(error, ERROR_INPUT, "fit: --law %s; it is chinchilla, data-constrained, multilingual, capacity or atlas",
              name);
    return NULL;
}

/* Reads "NAME=VALUE,NAME=VALUE". */
static int parse_holds(const struct law_kind *kind, const char *text, struct holds *holds, struct error *error) {
    for (int j = 0; j < FIT_PARAMETERS_MAX; j++)
        holds->values[j] = NAN;
    while (text && *text) {
        const size_t length = strcspn(text, "=");
        int parameter = 0;
        while (
            parameter < FIT_PARAMETERS_MAX && kind->parameters[parameter] &&
            (strlen(kind->parameters[parameter]) != length || strncmp(kind->parameters[parameter], text, length) != 0))
            parameter++;
        if (parameter == FIT_PARAMETERS_MAX || !kind->parameters[parameter])
            return error_set(error, ERROR_INPUT, "fit: --hold %.*s; the law %s has no such parameter", (int)length,
                             text, kind->name);
        char *end = NULL;
        if (text[length] == '=')
            holds->values[parameter] = strtod(text + length + 1, &end);
        if (!end || end == text + length + 1 || (*end && *end != ',') || !isfinite(holds->values[parameter]))
            return error_set(error, ERROR_INPUT, "fit: --hold %s; it is NAME=VALUE,NAME=VALUE", text);
        text = *end ? end + 1 : end;
    }
    return 0;
}

/* ---- the table ---- */

struct fit_request {
    const char *path, *law, *loss, *hold, *variant, *unique;
    struct option_list where;
    double delta;
    uint64_t bootstraps, seed;
    bool holdouts, json;
};

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
            return error_set(error, ERROR_INPUT,
                             "fit: --where %s; of a study it is language=, kind=, size= or set=", text);
    }
    return 0;
}

/* A law is of one language: without --where language= there must be only one. */
static int choose_language(const struct study_data *data, const char *path, struct fit_filter *filter,
                           struct error *error) {
    for (size_t i = 0; i < data->loss_count && !filter->language; i++)
        if (strncmp(data->losses[i].language, data->losses[0].language, LANGUAGE_CODE_SIZE) != 0)
            return error_set(error, ERROR_INPUT,
                             "%s: losses of several languages (%.*s, %.*s, ...); choose one by --where language=%.*s",
                             path, LANGUAGE_CODE_SIZE, data->losses[0].language, LANGUAGE_CODE_SIZE,
                             data->losses[i].language, LANGUAGE_CODE_SIZE, data->losses[0].language);
    return 0;
}

/* Narrows a filter to the constant part of the learning rate. */
static int take_constant_part(const struct study_data *data, struct fit_filter *filter, struct error *error) {
    double warmup;
    if (read_setting(data, "training.warmup_steps", &warmup, error) != 0 ||
        read_setting(data, "training.decay_fraction", &filter->decay_fraction, error) != 0)
        return -1;
    filter->warmup_steps = (uint64_t)warmup;
    return 0;
}

static int table_of_study(const struct fit_request *request, const struct law_kind *kind, const struct study_data *data,
                          struct fit_table *table, struct error *error) {
    struct fit_filter filter = {.kind = kind->run_kind, .set = "test"};
    const char *columns[FIT_TABLE_COLUMNS_MAX];
    memcpy(columns, kind->study_columns, sizeof columns);
    if (request->loss)
        columns[kind->column_count - 1] = request->loss;
    const char *loss = columns[kind->column_count - 1];
    if (strcmp(loss, "cross_entropy") != 0 && strcmp(loss, "unigram_normalised") != 0 &&
        strcmp(loss, "bits_per_byte") != 0)
        return error_set(error, ERROR_INPUT,
                         "fit: --loss %s; of a study it is cross_entropy, unigram_normalised or bits_per_byte", loss);
    if (parse_filter(&request->where, &filter, error) != 0 ||
        choose_language(data, request->path, &filter, error) != 0 || take_constant_part(data, &filter, error) != 0)
        return -1;
    return fit_table_of_study(data, columns, kind->column_count, &filter, table, error);
}

static int read_study(const char *path, enum file_kind file, struct study_data *data, struct error *error) {
    uint64_t torn_bytes;
    return file == FILE_KIND_ARCHIVE ? archive_read(path, data, error) : journal_read(path, data, &torn_bytes, error);
}

static int read_table(const struct fit_request *request, const struct law_kind *kind, struct fit_table *table,
                      struct error *error) {
    enum file_kind file;
    struct study_data data;
    if (file_kind_find(request->path, &file, error) != 0)
        return -1;
    if (file != FILE_KIND_ARCHIVE && file != FILE_KIND_JOURNAL) {
        const char *columns[FIT_TABLE_COLUMNS_MAX];
        memcpy(columns, kind->columns, sizeof columns);
        if (request->loss)
            columns[kind->column_count - 1] = request->loss;
        return fit_table_read(request->path, columns, kind->column_count, request->where.values, request->where.count,
                              table, error);
    }
    if (read_study(request->path, file, &data, error) != 0)
        return -1;
    const int status = table_of_study(request, kind, &data, table, error);
    study_data_free(&data);
    return status;
}

/* ---- the answer ---- */

/* A fit, and what is told with it. */
struct answer {
    struct fit_law law; /* for names; what it points to is gone */
    struct fit fit;
    const struct fit_options *options;
    size_t duplicates;
    double seconds;
};

static int print_json(const struct law_kind *kind, const struct answer *answer, struct error *error) {
    json_t *object = fit_json(&answer->law, &answer->fit);
    json_object_set_new(object, "law", json_string(kind->name));
    json_object_set_new(object, "duplicates", json_integer((json_int_t)answer->duplicates));
    json_object_set_new(object, "seconds", json_real(answer->seconds));
    if (kind->fit == fit_capacity) {
        const struct capacity_answer capacity = {answer->fit.parameters, answer->options->bootstraps,
                                                 answer->options->resamples};
        json_object_set_new(object, "multipliers", capacity_multipliers_json(&capacity));
        json_object_set_new(object, "iso_loss", capacity_curves_json(&capacity));
    }
    return command_print_json(object, error);
}

static void print_text(const struct law_kind *kind, const struct answer *answer) {
    printf("%s: %s\n", kind->name, kind->formula);
    fit_print(&answer->law, &answer->fit, stdout);
    if (kind->fit == fit_capacity)
        capacity_print(
            &(struct capacity_answer){answer->fit.parameters, answer->options->bootstraps, answer->options->resamples},
            stdout);
    if (answer->duplicates > 0)
        printf("\n%zu rows repeat another row and count again\n", answer->duplicates);
    printf("\n%.2f s\n", answer->seconds);
}

/* ---- ATLAS: a law a target ---- */

static int read_observations(const struct fit_request *request, struct observations *observations,
                             struct error *error) {
    enum file_kind file;
    struct study_data data;
    struct fit_filter filter = {.set = "test"};
    if (file_kind_find(request->path, &file, error) != 0)
        return -1;
    const bool csv = file != FILE_KIND_ARCHIVE && file != FILE_KIND_JOURNAL;
    if (request->hold || (csv && request->where.count > 0) || (!csv && (request->loss || request->unique)))
        return error_set(error, ERROR_INPUT,
                         "fit: --law atlas takes --loss and --unique with a CSV file, --where with a study, no --hold");
    if (csv)
        return observations_read(request->path, request->loss ? request->loss : "L", request->unique, observations,
                                 error);
    if (read_study(request->path, file, &data, error) != 0)
        return -1;
    const int status =
        parse_filter(&request->where, &filter, error) == 0 && take_constant_part(&data, &filter, error) == 0
            ? observations_of_study(&data, &filter, observations, error)
            : -1;
    study_data_free(&data);
    return status;
}

static int answer_atlas(const struct fit_request *request, const struct observations *observations,
                        enum atlas_variant variant, const struct target_fit *fits, double seconds,
                        struct error *error) {
    bool any = false;
    for (size_t t = 0; t < observations->target_count; t++)
        any = any || fits[t].fitted;
    if (!any)
        return error_set(error, ERROR_INPUT, "%s: no target can be fitted; %s", request->path,
                         observations->target_count > 0 ? fits[0].reason.message : "there are no points");
    if (request->json) {
        json_t *object = fit_atlas_json(observations, variant, request->holdouts, fits);
        json_object_set_new(object, "law", json_string("atlas"));
        json_object_set_new(object, "seconds", json_real(seconds));
        return command_print_json(object, error);
    }
    printf("atlas: L = E + A/N^alpha + B/D_eff^beta; D_eff: tokens of the target, and of others by their tau\n");
    fit_atlas_print(observations, variant, request->holdouts, fits, stdout);
    printf("\n%.2f s\n", seconds);
    return 0;
}

static int fit_atlas_request(const struct fit_request *request, const struct fit_options *options,
                             struct error *error) {
    struct observations observations;
    enum atlas_variant variant = ATLAS_TARGET;
    while (variant < ATLAS_VARIANTS && strcmp(atlas_variant_names[variant], request->variant) != 0)
        variant++;
    if (variant == ATLAS_VARIANTS)
        return error_set(error, ERROR_INPUT, "fit: --variant %s; it is target, other or transfer", request->variant);
    if (read_observations(request, &observations, error) != 0)
        return -1;
    const double begin = omp_get_wtime();
    struct target_fit *fits = calloc(observations.target_count + 1, sizeof *fits);
    int status = fits ? fit_atlas(&observations, variant, options, request->holdouts, fits, error)
                      : error_set(error, ERROR_FAILED, "%s: not enough memory", request->path);
    if (status == 0)
        status = answer_atlas(request, &observations, variant, fits, omp_get_wtime() - begin, error);
    free(fits);
    observations_free(&observations);
    return status;
}

static int fit_answer(const struct fit_request *request, const struct law_kind *kind, const struct holds *holds,
                      const struct fit_table *table, struct answer *answer, struct error *error) {
    const double begin = omp_get_wtime();
    struct error reason = {0};
    answer->duplicates = fit_table_duplicates(table);
    if (answer->duplicates == (size_t)-1)
        return error_set(error, ERROR_FAILED, "%s: no memory for %zu rows", request->path, table->count);
    if (kind->fit(table, holds, answer->options, &answer->law, &answer->fit, &reason) != 0)
        return error_set(error, reason.code, "%s: %s", request->path, reason.message);
    answer->seconds = omp_get_wtime() - begin;
    return 0;
}

static int fit_request(const struct fit_request *request, struct error *error) {
    struct fit_options options = {
        .delta = request->delta, .bootstraps = (int)request->bootstraps, .seed = request->seed};
    struct holds holds;
    struct fit_table table;
    if (request->bootstraps == 1 || request->bootstraps > BOOTSTRAPS_MAX)
        return error_set(error, ERROR_INPUT, "fit: --bootstrap %llu; it is 0 for none, or 2 to %d",
                         (unsigned long long)request->bootstraps, BOOTSTRAPS_MAX);
    if (strcmp(request->law, "atlas") == 0)
        return fit_atlas_request(request, &options, error);
    const struct law_kind *kind = find_kind(request->law, error);
    if (!kind || parse_holds(kind, request->hold, &holds, error) != 0)
        return -1;
    if (request->unique || request->holdouts)
        return error_set(error, ERROR_INPUT, "fit: --unique and --holdouts are of --law atlas");
    if (read_table(request, kind, &table, error) != 0)
        return -1;
    struct answer answer = {.options = &options};
    options.resamples = malloc((size_t)(options.bootstraps + 1) * sizeof *options.resamples);
    int status = options.resamples ? fit_answer(request, kind, &holds, &table, &answer, error)
                                   : error_set(error, ERROR_FAILED, "%s: not enough memory", request->path);
    fit_table_free(&table);
    if (status == 0 && request->json)
        status = print_json(kind, &answer, error);
    else if (status == 0)
        print_text(kind, &answer);
    free(options.resamples);
    return status;
}

int command_fit(const struct command *command, int count, char **words, struct error *error) {
    struct fit_request request = {
        .law = "chinchilla", .delta = 1e-3, .variant = "transfer", .bootstraps = 1000, .seed = 1};
    const struct option options[] = {
        {"--law", "LAW", "chinchilla (default), data-constrained, multilingual, capacity or atlas",
         .text = &request.law},
        {"--loss", "COLUMN", "the column that holds the loss (CSV: L; study: cross_entropy)", .text = &request.loss},
        {"--where", "COLUMN=VALUE", "only rows in which this holds; may be told several times", .list = &request.where},
        {"--hold", "NAME=VALUE,...", "parameters that keep these values; only the rest is fitted",
         .text = &request.hold},
        {"--delta", "DELTA", "where the Huber loss of log residuals turns linear (0.001)", .number = &request.delta},
        {"--bootstrap", "COUNT", "resampled fits for the intervals (1000); 0: none", .count = &request.bootstraps},
        {"--seed", "SEED", "of the bootstrap (1)", .count = &request.seed},
        {"--variant", "VARIANT", "of atlas: target, other, or transfer (default)", .text = &request.variant},
        {"--unique", "FILE", "of atlas: a CSV file with language,unique_tokens", .text = &request.unique},
        {"--holdouts", NULL, "of atlas: R2 of points held out in five ways, for several laws",
         .flag = &request.holdouts},
        {"--json", NULL, "one JSON object", .flag = &request.json},
        {0},
    };
    const int parsed = command_parse(command, options, count, words, &request.path, 1, 1, error);
    if (parsed != 0)
        return parsed < 0 ? -1 : 0;
    return fit_request(&request, error);
}
