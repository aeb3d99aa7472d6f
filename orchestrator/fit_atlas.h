/* The ATLAS law of every target of a table: fits, hold-outs, and how they are shown. */
#ifndef SWEEP_ORCHESTRATOR_FIT_ATLAS_H
#define SWEEP_ORCHESTRATOR_FIT_ATLAS_H

#include "laws/holdout.h"
#include "orchestrator/observations.h"

#include <jansson.h>
#include <stdio.h>

/* The law of one target, or why there is none. */
struct target_fit {
    bool fitted;
    struct error reason;
    struct fit_law law; /* for names; what it points to is gone */
    struct fit fit;
    struct comparison comparison; /* where hold-outs were asked for */
};

/* Fits [target_count], targets side by side on all threads; resamples of the options: [target_count, bootstraps].
 * Fails only for want of memory. */
int fit_atlas(const struct observations *observations, enum atlas_variant variant, const struct fit_options *options,
              bool holdouts, struct target_fit *fits, struct error *error);

/* "variant", "points", "unseen", "targets": {"en": the object of fit_json}, "failed": {"sw": why}, and with hold-outs
 * "holdouts", by law, averaged over the targets here and of one in each target. NULL: no memory. */
json_t *fit_atlas_json(const struct observations *observations, enum atlas_variant variant, bool holdouts,
                       const struct target_fit *fits);

/* One row a target with its parameters and sources, "?" for what is not determined; why others have none; the table of
 * hold-outs. */
void fit_atlas_print(const struct observations *observations, enum atlas_variant variant, bool holdouts,
                     const struct target_fit *fits, FILE *out);

#endif
