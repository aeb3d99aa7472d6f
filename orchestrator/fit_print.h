/* A fit for people and for programs. */
#ifndef SWEEP_ORCHESTRATOR_FIT_PRINT_H
#define SWEEP_ORCHESTRATOR_FIT_PRINT_H

#include "laws/fit.h"

#include <jansson.h>
#include <stdio.h>

/* The object of `sweep fit --json` without law and seconds; NULL: no memory. What is unknown is null; the value of a
 * parameter that is not determined stands as the search left it, and its name in "undetermined". */
json_t *fit_json(const struct fit_law *law, const struct fit *fit);

/* A table of the parameters: value, standard error, 95 % interval; "?" for what is not determined. Below it the other
 * basins and what the numbers cannot say. */
void fit_print(const struct fit_law *law, const struct fit *fit, FILE *out);

/* A fitted capacity law, and the parameters of its resampled fits [count]; fewer than two make no intervals. */
struct capacity_answer {
    const double *parameters;
    int count;
    double (*resamples)[FIT_PARAMETERS_MAX];
};

/* What the law says of K -> r K languages, r = 2, 4, 8, 16: multipliers, and points of the iso-loss curve, null where
 * the size is below the least that is possible. All with intervals; the upper end is null where the size is too small
 * by 2.5 % of the resampled fits. */
json_t *capacity_multipliers_json(const struct capacity_answer *answer);
json_t *capacity_curves_json(const struct capacity_answer *answer);
void capacity_print(const struct capacity_answer *answer, FILE *out);

#endif
