#include "orchestrator/postfit.h"

#include "laws/chinchilla.h"
#include "orchestrator/fit_atlas.h"
#include "orchestrator/fit_table.h"
#include "orchestrator/postfit_curves.h"
#include "orchestrator/postfit_transfer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const LOSS_NAME = "cross_entropy";
/* 50 samples give a standard error to a tenth, 30 to an eighth: a target has up to 10^5 points. `sweep fit` makes
 * intervals. */
static const struct fit_options FIT_OPTIONS = {.delta = 1e-3, .bootstraps = 50, .seed = 1, .thin = true};
static const struct fit_options ATLAS_OPTIONS = {.delta = 1e-3, .bootstraps = 30, .seed = 1};

/* ---- laws ---- */

static int add_law(struct study_data *data, const char *name, const char *language, const struct fit_law *law,
                   const struct fit *fit, FILE *notes, struct error *error) {
    struct law_record *larger = realloc(data->laws, (data->law_count + 1) * sizeof *larger);
    if (!larger)
        return error_set(error, ERROR_FAILED, "no memory for the laws");
    data->laws = larger;
    struct law_record *record = &larger[data->law_count++];
    *record = (struct law_record){.points = (uint32_t)fit->points,
                                  .objective = fit->objective,
                                  .r2 = fit->r2,
                                  .parameter_count = (uint32_t)law->parameter_count};
    snprintf(record->law, sizeof record->law, "%s", name);
    snprintf(record->language, sizeof record->language, "%s", language);
    snprintf(record->loss, sizeof record->loss, "%s", LOSS_NAME);
    int said = 0;
    for (int j = 0; j < law->parameter_count; j++) {
        const char *const parameter = law->parameters[j].name;
        const bool undetermined = fit->undetermined >> j & 1;
        record->parameters[j].value = undetermined ? NAN : fit->parameters[j];
        record->parameters[j].standard_error = undetermined ? NAN : fit->standard_errors[j];
        memcpy(record->parameters[j].name, parameter, sizeof record->parameters[j].name); /* both [24] */
        if (undetermined && said++ == 0)
            fprintf(notes, "%s %s: these points do not determine %s", name, language, parameter);
        else if (undetermined)
            fprintf(notes, ", %s", parameter);
    }
    fputs(said > 0 ? "\n" : "", notes);
    return 0;
}

static int fit_points(const struct fit_table *points, struct fit_law *law, struct fit *fit, struct error *error) {
    const struct loss_table table = {points->count, points->columns[0], points->columns[1], points->columns[2]};
    double *columns = NULL;
    int status = chinchilla_law(&table, law, &columns, error);
    if (status == 0) {
        law->runs = points->runs;
        status = fit_law(law, &FIT_OPTIONS, fit, error);
    }
    free(columns);
    return status;
}

/* What cannot be fitted becomes a note. */
static int fit_language(const struct study *study, struct study_data *data, const char *language, FILE *notes,
                        struct error *error) {
    const char *const columns[] = {"N", "D", LOSS_NAME};
    const struct fit_filter filter = {.language = language,
                                      .kind = "monolingual",
                                      .warmup_steps = study->warmup_steps,
                                      .decay_fraction = study->decay_fraction};
    struct fit_table points;
    struct fit_law law;
    struct fit fit;
    struct error reason = {0};
    int status = fit_table_of_study(data, columns, 3, &filter, &points, &reason);
    if (status == 0 && points.count == 0)
        return 0;
    if (status == 0)
        status = fit_points(&points, &law, &fit, &reason);
    fit_table_free(&points);
    if (status != 0) {
        fprintf(notes, "chinchilla %s: %s\n", language, reason.message);
        return 0;
    }
    return add_law(data, "chinchilla", language, &law, &fit, notes, error);
}

static bool has_mixtures(const struct mixture_table *table) {
    for (size_t i = 0; i < table->count; i++)
        if (table->rows[i].kind != TRAINED_MONOLINGUAL)
            return true;
    return false;
}

/* The ATLAS law of every target that was trained with others. */
static int fit_targets(const struct study *study, struct study_data *data, FILE *notes, struct error *error) {
    const struct fit_filter filter = {
        .set = "test", .warmup_steps = study->warmup_steps, .decay_fraction = study->decay_fraction};
    struct observations observations;
    if (observations_of_study(data, &filter, &observations, error) != 0)
        return -1;
    struct target_fit *fits = calloc(observations.target_count + 1, sizeof *fits);
    int status = fits ? fit_atlas(&observations, ATLAS_TRANSFER, &ATLAS_OPTIONS, false, fits, error)
                      : error_set(error, ERROR_FAILED, "no memory for the laws");
    for (size_t t = 0; t < observations.target_count && status == 0; t++) {
        const char *language = observations.names[observations.targets[t].target];
        if (!has_mixtures(&observations.targets[t]))
            continue;
        if (fits[t].fitted)
            status = add_law(data, "atlas", language, &fits[t].law, &fits[t].fit, notes, error);
        else
            fprintf(notes, "atlas %s: %s\n", language, fits[t].reason.message);
    }
    free(fits);
    observations_free(&observations);
    return status;
}

static int fit_laws(const struct study *study, struct study_data *data, FILE *notes, struct error *error) {
    int result = 0;
    for (uint32_t l = 0; l < study->language_count && result == 0; l++)
        result = fit_language(study, data, study->languages[l], notes, error);
    return result == 0 ? fit_targets(study, data, notes, error) : result;
}

int postfit(const struct study *study, struct study_data *data, FILE *notes, struct error *error) {
    data->transfer_count = data->adaptation_count = data->crossover_count = data->law_count = 0;
    if (postfit_scores(study, data, notes, error) != 0 || fit_laws(study, data, notes, error) != 0 ||
        postfit_score_lines(study, data, notes, error) != 0)
        return -1;
    return postfit_finetune(study, data, notes, error);
}

/* ---- print ---- */

static void print_value(double value, FILE *out) {
    if (isnan(value))
        fprintf(out, "%11s", "?");
    else
        fprintf(out, "%11.4g", value);
}

/* The fits of one law, a row a language: its first parameters as columns, the others by their names. */
static void print_laws(const struct study_data *data, const char *name, const char *title, uint32_t columns,
                       FILE *out) {
    bool first = true;
    for (size_t i = 0; i < data->law_count; i++) {
        const struct law_record *law = &data->laws[i];
        if (strcmp(law->law, name) != 0)
            continue;
        if (first) {
            fprintf(out, "\n%s (%s, nats per token; ? = not determined)\n%8s", title, LOSS_NAME, "");
            for (uint32_t p = 0; p < columns; p++)
                fprintf(out, "%11s", law->parameters[p].name);
            fprintf(out, "%9s%9s\n", "R2", "points");
        }
        first = false;
        fprintf(out, "%8s", law->language);
        for (uint32_t p = 0; p < columns; p++)
            print_value(law->parameters[p].value, out);
        fprintf(out, "%9.4f%9u", law->r2, law->points);
        for (uint32_t p = columns; p < law->parameter_count; p++) {
            fprintf(out, "  %s", law->parameters[p].name);
            print_value(law->parameters[p].value, out);
        }
        fputc('\n', out);
    }
}

void postfit_print(const struct study *study, const struct study_data *data, FILE *out) {
    postfit_transfer_print(study, data, out);
    print_laws(data, "chinchilla", "Chinchilla fits, L = E + A/N^alpha + B/D^beta", 5, out);
    print_laws(data, "atlas", "ATLAS fits, L = E + A/N^alpha + B/D_eff^beta", ATLAS_TAU, out);
}
