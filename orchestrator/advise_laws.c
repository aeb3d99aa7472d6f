#include "orchestrator/advise_laws.h"

#include "base/csv.h"
#include "laws/chinchilla.h"
#include "orchestrator/fit_atlas.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double ENDLESS = INFINITY;

void advise_laws_free(struct advise_laws *laws) {
    free(laws->names);
    free(laws->targets);
    free(laws->parameters);
    free(laws->samples);
    observations_free(&laws->observations);
}

struct advice_question advise_question(const struct advise_laws *laws, double flops) {
    return (struct advice_question){.flops = flops,
                                    .languages = laws->languages,
                                    .unique = strcmp(laws->law, "atlas") == 0 ? laws->unique : &ENDLESS,
                                    .target_count = laws->target_count,
                                    .targets = laws->targets};
}

/* Room for the laws of so many targets; zeroed. */
static int make_room(struct advise_laws *laws, size_t targets, int bootstraps, struct error *error) {
    laws->targets = calloc(targets + 1, sizeof *laws->targets);
    laws->parameters = calloc(targets + 1, FIT_PARAMETERS_MAX * sizeof *laws->parameters);
    laws->samples = calloc(targets * (size_t)bootstraps + 1, sizeof *laws->samples);
    laws->names = calloc(laws->languages + 1, sizeof *laws->names);
    return laws->targets && laws->parameters && laws->samples && laws->names
               ? 0
               : error_set(error, ERROR_FAILED, "no memory for the laws of %zu targets", targets);
}

static void widen(struct range *range, double value) {
    range->least = fmin(range->least, value);
    range->most = fmax(range->most, value);
}

/* Without a bootstrap the width of the best N is not known: then A and B, which it rests on too, must be fixed.
 * undetermined: what matters of fit->undetermined. */
static void note_undetermined(struct advise_laws *laws, const char *name, const struct fit_law *law,
                              unsigned undetermined, bool resampled, FILE *notes) {
    const unsigned exponents = 1U << ATLAS_ALPHA | 1U << ATLAS_BETA, terms = 1U << ATLAS_A | 1U << ATLAS_B;
    if (undetermined & (resampled ? exponents : exponents | terms))
        laws->determined = false;
    if (undetermined) {
        fprintf(notes, "law of %s: its points do not determine", name);
        for (int p = 0; p < law->parameter_count; p++)
            if (undetermined >> p & 1)
                fprintf(notes, " %s", law->parameters[p].name);
        fputc('\n', notes);
    }
}

/* ---- Chinchilla ---- */

static int fit_chinchilla(const struct fit_source *source, const struct fit_options *options, struct advise_laws *laws,
                          FILE *notes, struct error *error) {
    struct fit_table table;
    struct fit_law law;
    struct fit fit;
    struct error reason = {0};
    double *room = NULL;
    const char *language = source->is_study ? fit_source_language(source) : NULL;
    if (fit_source_table(source, &fit_columns_chinchilla, &table, error) != 0)
        return -1;
    const struct loss_table points = {table.count, table.columns[0], table.columns[1], table.columns[2]};
    struct fit_options own = *options;
    own.resamples = laws->samples;
    int status = chinchilla_law(&points, &law, &room, &reason);
    law.runs = table.runs;
    if (status == 0)
        status = fit_law(&law, &own, &fit, &reason);
    free(room);
    for (size_t i = 0; i < table.count; i++) {
        widen(&laws->N, points.N[i]);
        widen(&laws->D, points.D[i]);
    }
    fit_table_free(&table);
    if (status != 0)
        return error_set(error, reason.code, "%s: %s", source->path, reason.message);
    snprintf(laws->language, sizeof laws->language, "%s", language ? language : "text");
    laws->language_unique = language ? observations_unique_tokens(&source->data, laws->language) : INFINITY;
    laws->names[0] = laws->language;
    laws->unique = &laws->language_unique;
    laws->points = fit.points;
    laws->targets[0] = (struct advice_target){.weight = 1};
    memcpy(laws->parameters, fit.parameters, sizeof fit.parameters);
    note_undetermined(laws, laws->language, &law, fit.undetermined, options->bootstraps > 0, notes);
    return 0;
}

/* ---- ATLAS ---- */

/* Weights [target_count] by "en=1,sw=2"; of the others 0. */
static int parse_targets(const struct observations *observations, const char *text, double *weights,
                         struct error *error) {
    char name[64];
    double value;
    int more;
    while ((more = command_next_pair(&text, name, sizeof name, &value)) == 1) {
        size_t t = 0;
        while (t < observations->target_count &&
               strcmp(observations->names[observations->targets[t].target], name) != 0)
            t++;
        if (t == observations->target_count)
            return error_set(error, ERROR_INPUT, "advise: --targets %s: no model that learned %s was evaluated on it",
                             name, name);
        if (!(value > 0) || weights[t] > 0)
            return error_set(error, ERROR_INPUT,
                             "advise: --targets %s=%g; name each target once, with a weight above 0", name, value);
        weights[t] = value;
    }
    return more == 0
               ? 0
               : error_set(error, ERROR_INPUT, "advise: --targets %s; it is LANGUAGE=WEIGHT,LANGUAGE=WEIGHT", text);
}

/* What the observations of a target span, and how often they read a text again. */
static void span_target(const struct mixture_table *table, struct advise_laws *laws, struct advice_target *target) {
    double epochs = 0;
    for (size_t i = 0; i < table->count; i++) {
        const struct observation *row = &table->rows[i];
        widen(&laws->N, row->N);
        widen(&laws->D, row->D);
        for (size_t l = 0; l < table->languages; l++)
            epochs = fmax(epochs, row->D * row->share[l] / table->unique[l]);
    }
    target->repeats = epochs > 1;
    laws->epochs = fmax(laws->epochs, epochs);
}

/* Takes the laws of the targets that have a weight. */
static int take_targets(const struct fit_source *source, const struct target_fit *fits, const double *weights,
                        bool chosen, const struct fit_options *options, struct advise_laws *laws, FILE *notes,
                        struct error *error) {
    const struct observations *observations = &laws->observations;
    const size_t sample_size = (size_t)options->bootstraps;
    double sum = 0;
    for (size_t t = 0; t < observations->target_count; t++) {
        const struct mixture_table *table = &observations->targets[t];
        const char *name = observations->names[table->target];
        if (chosen && weights[t] == 0)
            continue;
        if (!fits[t].fitted && chosen)
            return error_set(error, ERROR_INPUT, "%s: no law of %s: %s", source->path, name, fits[t].reason.message);
        if (!fits[t].fitted) {
            fprintf(notes, "no law of %s: %s\n", name, fits[t].reason.message);
            continue;
        }
        struct advice_target *target = &laws->targets[laws->target_count];
        *target = (struct advice_target){.language = table->target, .weight = chosen ? weights[t] : 1};
        atlas_choose_sources(table, &target->sources);
        span_target(table, laws, target);
        memcpy(laws->parameters + laws->target_count * FIT_PARAMETERS_MAX, fits[t].fit.parameters,
               sizeof fits[t].fit.parameters);
        memmove(laws->samples + laws->target_count * sample_size, laws->samples + t * sample_size,
                sample_size * sizeof *laws->samples);
        unsigned undetermined = fits[t].fit.undetermined;
        if (table->languages == 1 + target->sources.count) /* there are no others */
            undetermined &= ~(1U << ATLAS_TAU_OTHER);
        if (!target->repeats) /* said when the plan repeats text */
            undetermined &= ~(1U << ATLAS_LAMBDA);
        note_undetermined(laws, name, &fits[t].law, undetermined, options->bootstraps > 0, notes);
        laws->points += fits[t].fit.points;
        laws->target_count++;
        sum += target->weight;
    }
    for (size_t t = 0; t < laws->target_count; t++)
        laws->targets[t].weight /= sum;
    return laws->target_count > 0
               ? 0
               : error_set(error, ERROR_INPUT, "%s: no target can be fitted; %s", source->path,
                           observations->target_count > 0 ? fits[0].reason.message : "there are no points");
}

static int fit_atlas_targets(const struct fit_source *source, const char *targets, const struct fit_options *options,
                             struct advise_laws *laws, FILE *notes, struct error *error) {
    const size_t count = laws->observations.target_count;
    struct fit_options own = *options;
    struct target_fit *fits = calloc(count + 1, sizeof *fits);
    double *weights = calloc(count + 1, sizeof *weights);
    int status = fits && weights ? parse_targets(&laws->observations, targets, weights, error)
                                 : error_set(error, ERROR_FAILED, "%s: not enough memory", source->path);
    own.resamples = laws->samples;
    if (status == 0)
        status = fit_atlas(&laws->observations, ATLAS_TRANSFER, &own, false, fits, error);
    if (status == 0)
        status = take_targets(source, fits, weights, targets != NULL, options, laws, notes, error);
    free(fits);
    free(weights);
    laws->unique = laws->observations.unique;
    for (size_t l = 0; l < laws->languages; l++)
        laws->names[l] = laws->observations.names[l];
    return status;
}

/* ---- which law ---- */

/* Sets *atlas when the models learned several languages. */
static int find_mixtures(const struct fit_source *source, bool *atlas, struct error *error) {
    struct csv csv;
    *atlas = false;
    for (size_t r = 0; r < source->data.run_count; r++)
        if (source->data.outcomes[r].status == RUN_DONE && source->data.runs[r].language_count > 1)
            *atlas = true;
    if (source->is_study)
        return 0;
    if (csv_open(&csv, source->path, error) != 0)
        return -1;
    *atlas = csv_column(&csv, "target") >= 0;
    csv_close(&csv);
    return 0;
}

int advise_laws_fit(const struct fit_source *source, const char *law, const char *targets,
                    const struct fit_options *options, struct advise_laws *laws, FILE *notes, struct error *error) {
    bool atlas = law && strcmp(law, "atlas") == 0;
    if (law && !atlas && strcmp(law, "chinchilla") != 0)
        return error_set(error, ERROR_INPUT, "advise: --law %s; it is chinchilla or atlas", law);
    if (!law && find_mixtures(source, &atlas, error) != 0)
        return -1;
    laws->law = atlas ? "atlas" : "chinchilla";
    laws->determined = true;
    laws->N = laws->D = (struct range){INFINITY, 0};
    if (!atlas && (targets || source->unique))
        return error_set(error, ERROR_INPUT, "advise: --targets and --unique are of --law atlas");
    if (atlas && fit_source_observations(source, &laws->observations, error) != 0)
        return -1;
    laws->languages = atlas ? laws->observations.languages : 1;
    laws->target_count = atlas ? 0 : 1;
    if (make_room(laws, atlas ? laws->observations.target_count : 1, options->bootstraps, error) != 0)
        return -1;
    return atlas ? fit_atlas_targets(source, targets, options, laws, notes, error)
                 : fit_chinchilla(source, options, laws, notes, error);
}
