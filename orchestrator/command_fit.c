/* sweep fit: a scaling law of a table, as a table for people or as JSON. */
#include "laws/capacity.h"
#include "laws/chinchilla.h"
#include "laws/data_constrained.h"
#include "laws/multilingual.h"
#include "orchestrator/command.h"
#include "orchestrator/fit_atlas.h"
#include "orchestrator/fit_print.h"
#include "orchestrator/fit_source.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

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
    const struct fit_columns *columns;
    const char *parameters[FIT_PARAMETERS_MAX]; /* for --hold */
    int (*fit)(const struct fit_table *table, const struct holds *holds, const struct fit_options *options,
               struct fit_law *law, struct fit *fit, struct error *error);
} kinds[] = {
    {"chinchilla",
     "L = E + A/N^alpha + B/D^beta",
     &fit_columns_chinchilla,
     {"E", "A", "B", "alpha", "beta"},
     fit_chinchilla},
    {"data-constrained",
     "L = E + A/N'^alpha + B/D'^beta; N', D': worth of N and D at U unique tokens",
     &(const struct fit_columns){4, {"N", "D", "U", "L"}, {"N", "D", "U", "cross_entropy"}, "monolingual"},
     {"E", "A", "B", "alpha", "beta", "RD", "RN"},
     fit_data_constrained},
    {"multilingual",
     "L = (E + A/N^alpha + B/D^beta) p^-gamma",
     &(const struct fit_columns){4, {"N", "D", "p", "L"}, {"N", "D", "p", "cross_entropy"}, NULL},
     {"E", "A", "B", "alpha", "beta", "gamma"},
     fit_multilingual},
    {"capacity",
     "L = Linf + A K^phi/N^alpha + B K^psi/D^beta",
     &(const struct fit_columns){4, {"K", "N", "D", "L"}, {"K", "N", "Dt", "cross_entropy"}, NULL},
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

static int parse_holds(const struct law_kind *kind, const char *text, struct holds *holds, struct error *error) {
    char name[sizeof(((struct fit_parameter *)0)->name)];
    double value;
    int more;
    for (int j = 0; j < FIT_PARAMETERS_MAX; j++)
        holds->values[j] = NAN;
    while ((more = command_next_pair(&text, name, sizeof name, &value)) == 1) {
        int j = 0;
        while (j < FIT_PARAMETERS_MAX && kind->parameters[j] && strcmp(kind->parameters[j], name) != 0)
            j++;
        if (j == FIT_PARAMETERS_MAX || !kind->parameters[j])
            return error_set(error, ERROR_INPUT, "fit: --hold %s; the law %s has no such parameter", name, kind->name);
        holds->values[j] = value;
    }
    return more == 0 ? 0 : error_set(error, ERROR_INPUT, "fit: --hold %s; it is NAME=VALUE,NAME=VALUE", text);
}

struct fit_request {
    struct fit_source source;
    const char *law, *hold, *variant;
    double delta;
    uint64_t bootstraps, seed;
    bool holdouts, json;
};

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

static int answer_atlas(const struct fit_request *request, const struct observations *observations,
                        enum atlas_variant variant, const struct target_fit *fits, double seconds,
                        struct error *error) {
    bool any = false;
    for (size_t t = 0; t < observations->target_count; t++)
        any = any || fits[t].fitted;
    if (!any)
        return error_set(error, ERROR_INPUT, "%s: no target can be fitted; %s", request->source.path,
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
    if (request->hold)
        return error_set(error, ERROR_INPUT, "fit: --hold is not of --law atlas");
    if (fit_source_observations(&request->source, &observations, error) != 0)
        return -1;
    const double begin = omp_get_wtime();
    struct target_fit *fits = calloc(observations.target_count + 1, sizeof *fits);
    int status = fits ? fit_atlas(&observations, variant, options, request->holdouts, fits, error)
                      : error_set(error, ERROR_FAILED, "%s: not enough memory", request->source.path);
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
        return error_set(error, ERROR_FAILED, "%s: no memory for %zu rows", request->source.path, table->count);
    if (kind->fit(table, holds, answer->options, &answer->law, &answer->fit, &reason) != 0)
        return error_set(error, reason.code, "%s: %s", request->source.path, reason.message);
    answer->seconds = omp_get_wtime() - begin;
    return 0;
}

static int fit_request(const struct fit_request *request, struct error *error) {
    struct fit_options options;
    struct holds holds;
    struct fit_table table;
    if (fit_source_options(request->delta, request->bootstraps, request->seed, &options, error) != 0)
        return -1;
    if (strcmp(request->law, "atlas") == 0)
        return fit_atlas_request(request, &options, error);
    const struct law_kind *kind = find_kind(request->law, error);
    if (!kind || parse_holds(kind, request->hold, &holds, error) != 0)
        return -1;
    if (request->source.unique || request->holdouts)
        return error_set(error, ERROR_INPUT, "fit: --unique and --holdouts are of --law atlas");
    if (fit_source_table(&request->source, kind->columns, &table, error) != 0)
        return -1;
    struct answer answer = {.options = &options};
    options.resamples = malloc((size_t)(options.bootstraps + 1) * sizeof *options.resamples);
    int status = options.resamples ? fit_answer(request, kind, &holds, &table, &answer, error)
                                   : error_set(error, ERROR_FAILED, "%s: not enough memory", request->source.path);
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
        {"--loss", "COLUMN", "the column that holds the loss (CSV: L; study: cross_entropy)",
         .text = &request.source.loss},
        {"--where", "COLUMN=VALUE", "only rows in which this holds; may be told several times",
         .list = &request.source.where},
        {"--hold", "NAME=VALUE,...", "parameters that keep these values; only the rest is fitted",
         .text = &request.hold},
        {"--delta", "DELTA", "where the Huber loss of log residuals turns linear (0.001)", .number = &request.delta},
        {"--bootstrap", "COUNT", "resampled fits for the intervals (1000); 0: none", .count = &request.bootstraps},
        {"--seed", "SEED", "of the bootstrap (1)", .count = &request.seed},
        {"--variant", "VARIANT", "of atlas: target, other, or transfer (default)", .text = &request.variant},
        {"--unique", "FILE", "of atlas: a CSV file with language,unique_tokens", .text = &request.source.unique},
        {"--holdouts", NULL, "of atlas: R2 of points held out in five ways, for several laws",
         .flag = &request.holdouts},
        {"--json", NULL, "one JSON object", .flag = &request.json},
        {0},
    };
    const int parsed = command_parse(command, options, count, words, &request.source.path, 1, 1, error);
    if (parsed != 0)
        return parsed < 0 ? -1 : 0;
    const int status = fit_source_open(&request.source, error) == 0 ? fit_request(&request, error) : -1;
    fit_source_free(&request.source);
    return status;
}
