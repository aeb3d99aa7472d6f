/* The laws that advice is asked of: fitted to what a command was told, for the targets that were chosen. */
#ifndef SWEEP_ORCHESTRATOR_ADVISE_LAWS_H
#define SWEEP_ORCHESTRATOR_ADVISE_LAWS_H

#include "laws/advice.h"
#include "orchestrator/fit_source.h"

#include <stdio.h>

/* From least to most. */
struct range {
    double least, most;
};

struct advise_laws {
    const char *law; /* "chinchilla" or "atlas" */
    size_t points;
    struct range N, D; /* of the points: parameters, tokens of all languages */
    double epochs;     /* the most that a run read some text; below 1: not known, or not all of it */
    size_t languages;
    const char **names;   /* [languages]; "text": the only one, of a table that does not name it */
    const double *unique; /* [languages] tokens of text that there are, INFINITY: not known */
    size_t target_count;
    struct advice_target *targets;         /* [target_count] */
    double *parameters;                    /* [target_count, FIT_PARAMETERS_MAX] */
    double (*samples)[FIT_PARAMETERS_MAX]; /* [target_count, bootstraps] */
    bool determined;                       /* the points fix the exponents of every law */

    struct observations observations;  /* of atlas */
    char language[LANGUAGE_CODE_SIZE]; /* of chinchilla, with its unique tokens */
    double language_unique;
};

/* Fits law (NULL: atlas where the models learned several languages, else chinchilla). targets: "en=1,sw=2"; NULL: all
 * that can be fitted, evenly. What the points leave open goes to notes, a line each. advise_laws_free in any case. */
int advise_laws_fit(const struct fit_source *source, const char *law, const char *targets,
                    const struct fit_options *options, struct advise_laws *laws, FILE *notes, struct error *error);
void advise_laws_free(struct advise_laws *laws);

/* The question that these laws answer for a budget. A Chinchilla law does not know of repeated text. */
struct advice_question advise_question(const struct advise_laws *laws, double flops);

#endif
