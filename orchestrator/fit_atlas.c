#include "orchestrator/fit_atlas.h"

#include "orchestrator/fit_print.h"

#include <math.h>
#include <stdlib.h>

static int target_fit(const struct mixture_table *table, enum atlas_variant variant, const struct fit_options *options,
                      bool holdouts, struct target_fit *result, struct error *error) {
    struct atlas_sources sources;
    double *room = NULL;
    *result = (struct target_fit){0};
    atlas_choose_sources(table, &sources);
    result->fitted = atlas_law_make(table, variant, &sources, &result->law, &room, &result->reason) == 0 &&
                     atlas_fit(&result->law, options, &result->fit, &result->reason) == 0;
    free(room);
    if (!result->fitted && result->reason.code == ERROR_FAILED)
        return error_set(error, ERROR_FAILED, "%s", result->reason.message);
    return result->fitted && holdouts
               ? holdout_compare(table, options->delta, options->seed, &result->comparison, error)
               : 0;
}

int fit_atlas(const struct observations *observations, enum atlas_variant variant, const struct fit_options *options,
              bool holdouts, struct target_fit *fits, struct error *error) {
    int failed = 0;
#pragma omp parallel for schedule(dynamic, 1) reduction(+ : failed) if (observations->target_count > 1)
    for (size_t t = 0; t < observations->target_count; t++) {
        struct fit_options own = *options;
        if (own.resamples)
            own.resamples += t * (size_t)own.bootstraps;
        failed += target_fit(&observations->targets[t], variant, &own, holdouts, &fits[t], NULL) != 0;
    }
    return failed ? error_set(error, ERROR_FAILED, "no memory to fit %zu targets", observations->target_count) : 0;
}

static const char *name_of(const struct observations *observations, size_t t) {
    return observations->names[observations->targets[t].target];
}

/* The averages over the targets that were fitted. */
static void average(const struct observations *observations, const struct target_fit *fits, struct comparison *mean) {
    struct comparison *comparisons = calloc(observations->target_count + 1, sizeof *comparisons);
    size_t count = 0;
    for (size_t t = 0; comparisons && t < observations->target_count; t++)
        if (fits[t].fitted)
            comparisons[count++] = fits[t].comparison;
    holdout_average(comparisons, count, mean);
    free(comparisons);
}

/* ---- JSON ---- */

static json_t *comparison_json(const struct comparison *comparison) {
    json_t *laws = json_object();
    for (int law = 0; law < COMPARED_LAWS; law++) {
        json_t *row = json_object();
        for (int h = 0; h < HOLDOUTS; h++) {
            const double r2 = comparison->r2[law][h];
            json_object_set_new(row, holdout_names[h], isfinite(r2) ? json_real(r2) : json_null());
        }
        json_object_set_new(laws, compared_law_names[law], row);
    }
    return laws;
}

json_t *fit_atlas_json(const struct observations *observations, enum atlas_variant variant, bool holdouts,
                       const struct target_fit *fits) {
    json_t *targets = json_object(), *failed = json_object();
    size_t points = 0;
    for (size_t t = 0; t < observations->target_count; t++) {
        const char *name = name_of(observations, t);
        if (!fits[t].fitted) {
            json_object_set_new(failed, name, json_string(fits[t].reason.message));
            continue;
        }
        json_t *fit = fit_json(&fits[t].law, &fits[t].fit);
        if (holdouts)
            json_object_set_new(fit, "holdouts", comparison_json(&fits[t].comparison));
        json_object_set_new(targets, name, fit);
        points += fits[t].fit.points;
    }
    json_t *object =
        json_pack("{s:s, s:I, s:I, s:o, s:o}", "variant", atlas_variant_names[variant], "points", (json_int_t)points,
                  "unseen", (json_int_t)observations->unseen, "targets", targets, "failed", failed);
    if (holdouts) {
        struct comparison mean;
        average(observations, fits, &mean);
        json_object_set_new(object, "holdouts", comparison_json(&mean));
    }
    return object;
}

/* ---- text ---- */

static void print_row(const char *name, const struct target_fit *result, FILE *out) {
    const struct fit *fit = &result->fit;
    fprintf(out, "%-8s%8zu%8.4f", name, fit->points, fit->r2);
    for (int p = 0; p < result->law.parameter_count; p++) {
        char cell[24] = "?";
        if (!(fit->undetermined >> p & 1))
            snprintf(cell, sizeof cell, "%.4g", fit->parameters[p]);
        if (p < ATLAS_TAU)
            fprintf(out, "%11s", cell);
        else
            fprintf(out, "   %s %s", result->law.parameters[p].name + 4, cell); /* without "tau_" */
    }
    fputc('\n', out);
}

/* The uncertainty of a target below its row. */
static void print_intervals(const struct target_fit *result, FILE *out) {
    const struct fit *fit = &result->fit;
    fprintf(out, "%-24s", "  standard error");
    for (int p = 0; p < result->law.parameter_count; p++) {
        char cell[24] = "?";
        if (!(fit->undetermined >> p & 1))
            snprintf(cell, sizeof cell, "%.2g", fit->standard_errors[p]);
        if (p < ATLAS_TAU)
            fprintf(out, "%11s", cell);
        else
            fprintf(out, "   %s %s", result->law.parameters[p].name + 4, cell);
    }
    fputc('\n', out);
}

/* What the standard errors are made of. */
static void print_resamples(const struct observations *observations, const struct target_fit *fits, FILE *out) {
    size_t by_run = 0, by_point = 0;
    int resamples = 0;
    for (size_t t = 0; t < observations->target_count; t++)
        if (fits[t].fitted && fits[t].fit.resamples > 0) {
            *(fits[t].fit.runs_drawn > 0 ? &by_run : &by_point) += 1;
            resamples = fits[t].fit.resamples;
        }
    if (by_run > 0)
        fprintf(out, "standard errors of %zu targets from %d resamples of whole runs\n", by_run, resamples);
    if (by_point > 0)
        fprintf(out, "standard errors of %zu targets from %d resamples of points\n", by_point, resamples);
}

static void print_comparison(const struct comparison *mean, FILE *out) {
    fprintf(out, "\nR2 of the fit, and of points held out from it, averaged over the targets\n%-20s", "law");
    for (int h = 0; h < HOLDOUTS; h++)
        fprintf(out, "%9s", holdout_names[h]);
    fputc('\n', out);
    for (int law = 0; law < COMPARED_LAWS; law++) {
        fprintf(out, "%-20s", compared_law_names[law]);
        for (int h = 0; h < HOLDOUTS; h++) {
            if (isfinite(mean->r2[law][h]))
                fprintf(out, "%9.3f", mean->r2[law][h]);
            else
                fprintf(out, "%9s", "-");
        }
        fputc('\n', out);
    }
}

void fit_atlas_print(const struct observations *observations, enum atlas_variant variant, bool holdouts,
                     const struct target_fit *fits, FILE *out) {
    static const char *const names[] = {"E", "A", "B", "alpha", "beta", "lambda", "tau_other"};
    fprintf(out, "%-8s%8s%8s", "target", "points", "R2");
    for (int p = 0; p < ATLAS_TAU - (variant == ATLAS_TARGET); p++)
        fprintf(out, "%11s", names[p]);
    fprintf(out, "%s\n", variant == ATLAS_TRANSFER ? "   tau of its sources" : "");
    bool any = false;
    for (size_t t = 0; t < observations->target_count; t++)
        if (fits[t].fitted) {
            any = any || fits[t].fit.undetermined;
            print_row(name_of(observations, t), &fits[t], out);
            if (isfinite(fits[t].fit.standard_errors[ATLAS_E]))
                print_intervals(&fits[t], out);
        }
    for (size_t t = 0; t < observations->target_count; t++)
        if (!fits[t].fitted)
            fprintf(out, "%-8sno law: %s\n", name_of(observations, t), fits[t].reason.message);
    print_resamples(observations, fits, out);
    if (any)
        fprintf(out, "?: not determined by these points\n");
    if (observations->unseen > 0)
        fprintf(out, "%zu points left out: their models saw nothing of the target\n", observations->unseen);
    if (holdouts) {
        struct comparison mean;
        average(observations, fits, &mean);
        print_comparison(&mean, out);
    }
}
