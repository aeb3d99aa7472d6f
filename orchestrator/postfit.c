#include "orchestrator/postfit.h"

#include "laws/chinchilla.h"
#include "orchestrator/postfit_curves.h"
#include "orchestrator/postfit_transfer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const LOSS_NAME = "cross_entropy";
static const double HUBER_DELTA = 1e-3;

/* ---- Chinchilla ---- */

static int fit_language(const struct study *study, struct study_data *data, const char *language, double *room,
                        FILE *notes, struct error *error) {
    double *N = room, *D = room + data->loss_count, *L = room + 2 * data->loss_count;
    struct loss_table table = {0, N, D, L};
    for (size_t i = 0; i < data->loss_count; i++) {
        const struct loss_point *point = &data->losses[i];
        const struct run_record *run = &data->runs[point->run];
        if (strcmp(run->kind, "monolingual") != 0 || data->outcomes[point->run].status != RUN_DONE ||
            !postfit_same_language(point->language, language) || !postfit_in_constant_part(study, run, point->step))
            continue;
        N[table.count] = (double)run->parameters;
        D[table.count] = (double)point->tokens;
        L[table.count++] = point->cross_entropy;
    }
    if (table.count == 0)
        return 0;
    struct chinchilla_fit fit;
    struct error reason = {0};
    if (chinchilla_fit(&table, HUBER_DELTA, &fit, &reason) != 0) {
        fprintf(notes, "chinchilla %s: %s\n", language, reason.message);
        return 0;
    }
    struct law_record *larger = realloc(data->laws, (data->law_count + 1) * sizeof *larger);
    if (!larger)
        return error_set(error, ERROR_FAILED, "no memory for the laws");
    data->laws = larger;
    struct law_record *law = &larger[data->law_count++];
    *law = (struct law_record){.law = "chinchilla",
                               .points = (uint32_t)fit.points,
                               .objective = fit.objective,
                               .r2 = fit.r2,
                               .parameter_count = CHINCHILLA_PARAMETERS};
    snprintf(law->language, sizeof law->language, "%s", language);
    snprintf(law->loss, sizeof law->loss, "%s", LOSS_NAME);
    static const char *const names[] = {"E", "A", "B", "alpha", "beta"};
    const double values[] = {fit.E, fit.A, fit.B, fit.alpha, fit.beta};
    for (int i = 0; i < CHINCHILLA_PARAMETERS; i++) {
        const bool undetermined = fit.undetermined >> i & 1;
        law->parameters[i].value = undetermined ? NAN : values[i];
        law->parameters[i].standard_error = NAN; /* not estimated yet */
        snprintf(law->parameters[i].name, sizeof law->parameters[i].name, "%s", names[i]);
        if (undetermined)
            fprintf(notes, "chinchilla %s: %s is not determined by these points (it came out as %g)\n", language,
                    names[i], values[i]);
    }
    return 0;
}

static int fit_laws(const struct study *study, struct study_data *data, FILE *notes, struct error *error) {
    double *room = malloc((3 * data->loss_count + 1) * sizeof *room);
    if (!room)
        return error_set(error, ERROR_FAILED, "no memory for the laws");
    int result = 0;
    for (uint32_t l = 0; l < study->language_count && result == 0; l++)
        result = fit_language(study, data, study->languages[l], room, notes, error);
    free(room);
    return result;
}

int postfit(const struct study *study, struct study_data *data, FILE *notes, struct error *error) {
    data->transfer_count = data->adaptation_count = data->crossover_count = data->law_count = 0;
    if (postfit_scores(study, data, notes, error) != 0 || fit_laws(study, data, notes, error) != 0 ||
        postfit_score_lines(study, data, notes, error) != 0)
        return -1;
    return postfit_finetune(study, data, notes, error);
}

/* ---- print ---- */

static void print_chinchilla(const struct law_record *law, bool first, FILE *out) {
    if (first) {
        fprintf(out, "\nChinchilla fits, L = E + A/N^alpha + B/D^beta (%s, nats per token; ? = not determined)\n  ",
                LOSS_NAME);
        fprintf(out, "%4s", "");
        for (uint32_t p = 0; p < law->parameter_count; p++)
            fprintf(out, "%11s", law->parameters[p].name);
        fprintf(out, "%9s%9s\n", "R2", "points");
    }
    fprintf(out, "%6s", law->language);
    for (uint32_t p = 0; p < law->parameter_count; p++) {
        if (isnan(law->parameters[p].value))
            fprintf(out, "%11s", "?");
        else
            fprintf(out, "%11.4g", law->parameters[p].value);
    }
    fprintf(out, "%9.4f%9u\n", law->r2, law->points);
}

void postfit_print(const struct study *study, const struct study_data *data, FILE *out) {
    postfit_transfer_print(study, data, out);
    bool first = true;
    for (size_t i = 0; i < data->law_count; i++)
        if (strcmp(data->laws[i].law, "chinchilla") == 0) {
            print_chinchilla(&data->laws[i], first, out);
            first = false;
        }
}
