#include "orchestrator/postfit.h"

#include "laws/chinchilla.h"
#include "laws/transfer.h"
#include "orchestrator/fit_atlas.h"
#include "orchestrator/fit_table.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const LOSS_NAME = "cross_entropy";
/* 50 samples give a standard error to a tenth; `sweep fit` makes intervals. */
static const struct fit_options FIT_OPTIONS = {.delta = 1e-3, .bootstraps = 50, .seed = 1};

static bool same_language(const char *a, const char *b) {
    return strncmp(a, b, LANGUAGE_CODE_SIZE) == 0;
}

/* ---- transfer scores ---- */

/* Where the losses of a run begin; they stand by run. */
static size_t first_loss(const struct study_data *data, uint32_t run) {
    size_t low = 0, high = data->loss_count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (data->losses[middle].run < run)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The cross entropies of a run on the test set of a language, as two arrays inside room [2 * loss_count]. */
static struct loss_curve curve_of(const struct study_data *data, uint32_t run, const char *language, double *room) {
    double *tokens = room, *losses = room + data->loss_count;
    size_t count = 0;
    for (size_t i = first_loss(data, run); i < data->loss_count && data->losses[i].run == run; i++) {
        const struct loss_point *point = &data->losses[i];
        if (same_language(point->language, language)) {
            tokens[count] = (double)point->tokens;
            losses[count++] = point->cross_entropy;
        }
    }
    return (struct loss_curve){count, tokens, losses};
}

/* The finished monolingual run of a language at a size; NULL: there is none. */
static const struct run_record *monolingual_run(const struct study_data *data, const char *language, const char *size) {
    for (size_t r = 0; r < data->run_count; r++) {
        const struct run_record *run = &data->runs[r];
        if (strcmp(run->kind, "monolingual") == 0 && strcmp(run->size, size) == 0 &&
            same_language(run->languages[0].language, language) && data->outcomes[r].status == RUN_DONE)
            return run;
    }
    return NULL;
}

static int score_direction(const struct study *study, struct study_data *data, const struct run_record *run, int target,
                           double *room, FILE *notes, struct error *error) {
    const char *code = run->languages[target].language, *source = run->languages[1 - target].language;
    const struct run_record *alone = monolingual_run(data, code, run->size);
    if (!alone) {
        fprintf(notes, "transfer %s -> %s at %s: no finished monolingual run of %s\n", source, code, run->size, code);
        return 0;
    }
    const struct loss_curve monolingual = curve_of(data, alone->run, code, room);
    const struct loss_curve bilingual = curve_of(data, run->run, code, room + 2 * data->loss_count);
    struct transfer_score score;
    struct error reason = {0};
    if (transfer_bts(&monolingual, &bilingual, study->reference_tokens, &score, &reason) != 0) {
        fprintf(notes, "transfer %s -> %s at %s: %s\n", source, code, run->size, reason.message);
        return 0;
    }
    struct transfer_record *larger = realloc(data->transfer, (data->transfer_count + 1) * sizeof *larger);
    if (!larger)
        return error_set(error, ERROR_FAILED, "no memory for the transfer scores");
    data->transfer = larger;
    struct transfer_record *record = &larger[data->transfer_count++];
    *record = (struct transfer_record){.d = study->reference_tokens,
                                       .reference_loss = score.reference_loss,
                                       .sigma = score.sigma,
                                       .bts = score.bts,
                                       .bound = score.bound};
    memcpy(record->source, source, LANGUAGE_CODE_SIZE);
    memcpy(record->target, code, LANGUAGE_CODE_SIZE);
    memcpy(record->size, run->size, sizeof record->size);
    return 0;
}

static int score_transfer(const struct study *study, struct study_data *data, FILE *notes, struct error *error) {
    double *room = malloc((4 * data->loss_count + 1) * sizeof *room);
    if (!room)
        return error_set(error, ERROR_FAILED, "no memory for the transfer scores");
    int result = 0;
    for (size_t r = 0; r < data->run_count && result == 0; r++) {
        const struct run_record *run = &data->runs[r];
        if (strcmp(run->kind, "bilingual") != 0 || data->outcomes[r].status != RUN_DONE)
            continue;
        for (int target = 0; target < 2 && result == 0; target++)
            result = score_direction(study, data, run, target, room, notes, error);
    }
    free(room);
    return result;
}

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
    for (int j = 0; j < law->parameter_count; j++) {
        const char *const parameter = law->parameters[j].name;
        const bool undetermined = fit->undetermined >> j & 1;
        record->parameters[j].value = undetermined ? NAN : fit->parameters[j];
        record->parameters[j].standard_error = undetermined ? NAN : fit->standard_errors[j];
        memcpy(record->parameters[j].name, parameter, sizeof record->parameters[j].name); /* both [24] */
        if (undetermined)
            fprintf(notes, "%s %s: %s is not determined by these points (it came out as %g)\n", name, language,
                    parameter, fit->parameters[j]);
    }
    return 0;
}

static int fit_points(const struct fit_table *points, struct fit_law *law, struct fit *fit, struct error *error) {
    const struct loss_table table = {points->count, points->columns[0], points->columns[1], points->columns[2]};
    double *columns = NULL;
    int status = chinchilla_law(&table, law, &columns, error);
    if (status == 0) {
        fit_grid_thin(law);
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

/* The ATLAS law of every target that was trained with others. No bootstrap: a target has up to 10^5 points. */
static int fit_targets(const struct study *study, struct study_data *data, FILE *notes, struct error *error) {
    const struct fit_options options = {.delta = FIT_OPTIONS.delta};
    const struct fit_filter filter = {
        .set = "test", .warmup_steps = study->warmup_steps, .decay_fraction = study->decay_fraction};
    struct observations observations;
    if (observations_of_study(data, &filter, &observations, error) != 0)
        return -1;
    struct target_fit *fits = calloc(observations.target_count + 1, sizeof *fits);
    int status = fits ? fit_atlas(&observations, ATLAS_TRANSFER, &options, false, fits, error)
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
    data->transfer_count = data->law_count = 0;
    if (score_transfer(study, data, notes, error) != 0)
        return -1;
    return fit_laws(study, data, notes, error);
}

/* ---- print ---- */

static const struct transfer_record *find_score(const struct study_data *data, const char *source, const char *target,
                                                const char *size) {
    for (size_t i = 0; i < data->transfer_count; i++) {
        const struct transfer_record *record = &data->transfer[i];
        if (same_language(record->source, source) && same_language(record->target, target) &&
            strcmp(record->size, size) == 0)
            return record;
    }
    return NULL;
}

static bool has_scores(const struct study_data *data, const char *size) {
    for (size_t i = 0; i < data->transfer_count; i++)
        if (strcmp(data->transfer[i].size, size) == 0)
            return true;
    return false;
}

static void print_matrix(const struct study *study, const struct study_data *data, const char *size, FILE *out) {
    fprintf(out, "\nBilingual transfer scores at %s, d = %.4g tokens (rows: target, columns: source)\n      ", size,
            study->reference_tokens);
    for (uint32_t s = 0; s < study->language_count; s++)
        fprintf(out, "%8s", study->languages[s]);
    fputc('\n', out);
    for (uint32_t t = 0; t < study->language_count; t++) {
        fprintf(out, "%6s", study->languages[t]);
        for (uint32_t s = 0; s < study->language_count; s++) {
            const struct transfer_record *record = find_score(data, study->languages[s], study->languages[t], size);
            char cell[32] = "-";
            if (record)
                snprintf(cell, sizeof cell, "%s%+.2f", record->bound ? "<" : "", record->bts);
            fprintf(out, "%8s", cell);
        }
        fputc('\n', out);
    }
}

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
    for (uint32_t s = 0; s < study->size_count; s++)
        if (has_scores(data, study->sizes[s].name))
            print_matrix(study, data, study->sizes[s].name, out);
    if (data->transfer_count > 0)
        fprintf(out,
                "0: neutral, > 0: the source helps, < 0: it hurts, <x: an upper bound, the loss was not reached\n");
    print_laws(data, "chinchilla", "Chinchilla fits, L = E + A/N^alpha + B/D^beta", 5, out);
    print_laws(data, "atlas", "ATLAS fits, L = E + A/N^alpha + B/D_eff^beta", ATLAS_TAU, out);
}
