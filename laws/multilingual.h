/* The multilingual law, L = (E + A / N^alpha + B / D^beta) p^-gamma (He et al. 2024): N parameters, D tokens of all
 * languages, p the sampling share of the target's language family. */
#ifndef SWEEP_LAWS_MULTILINGUAL_H
#define SWEEP_LAWS_MULTILINGUAL_H

#include "laws/fit.h"

struct share_table {
    size_t count;
    const double *N, *D, *p, *L;
};

enum {
    MULTILINGUAL_E,
    MULTILINGUAL_A,
    MULTILINGUAL_B,
    MULTILINGUAL_ALPHA,
    MULTILINGUAL_BETA,
    MULTILINGUAL_GAMMA,
    MULTILINGUAL_PARAMETERS
};

/* As chinchilla_law; needs two distinct p, none above 1. */
int multilingual_law(const struct share_table *table, struct fit_law *law, double **room, struct error *error);

#endif
