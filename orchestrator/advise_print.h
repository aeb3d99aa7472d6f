/* Advice for people and for programs. */
#ifndef SWEEP_ORCHESTRATOR_ADVISE_PRINT_H
#define SWEEP_ORCHESTRATOR_ADVISE_PRINT_H

#include "orchestrator/advise_laws.h"
#include "orchestrator/advise_start.h"

#include <jansson.h>
#include <stdio.h>

enum { ADVISED_SCALES = 2 };

/* A published scale, and the best plan of its size at the same budget. */
struct advised_scale {
    int scale;
    struct advice_plan plan; /* without shares */
    double *losses;          /* [targets] */
};

/* What the laws do not say is NaN. */
struct advised {
    const struct advise_laws *laws;
    double flops, core_hours, gflops; /* the last two NaN when the budget was told in FLOP */
    struct advice_plan plan;
    double *losses;                    /* [targets] */
    struct advice_interval *intervals; /* in the order of laws/advice.h */
    struct start *starts;              /* [targets] */
    int scale_count;
    struct advised_scale scales[ADVISED_SCALES];
    char *notes; /* a line each */
    double seconds;
};

/* Passes over the text of a language; NaN: how much text there is of it is not known. */
double advised_epochs(const struct advised *advised, size_t language);

/* How many times a value lies above the most, or below the least of a range; 1 within it. */
double advised_beyond(const struct range *range, double value);

json_t *advise_json(const struct advised *advised);
void advise_print(const struct advised *advised, FILE *out);

#endif
