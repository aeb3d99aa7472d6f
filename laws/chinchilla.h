/* The Chinchilla law, L(N, D) = E + A / N^alpha + B / D^beta (Hoffmann et al. 2022, arXiv 2203.15556). E is the loss
 * that no size and no data remove, in nats per token like L. laws/fit.h fits it. */
#ifndef SWEEP_LAWS_CHINCHILLA_H
#define SWEEP_LAWS_CHINCHILLA_H

#include "laws/fit.h"

/* A table of points: parameters, tokens, loss; all finite and positive. */
struct loss_table {
    size_t count;
    const double *N, *D, *L;
};

enum { CHINCHILLA_E, CHINCHILLA_A, CHINCHILLA_B, CHINCHILLA_ALPHA, CHINCHILLA_BETA, CHINCHILLA_PARAMETERS };

/* Lays the law over a table, with the grid of 4500 starts. Fails, saying why, with fewer than 3 distinct N or D, fewer
 * than 8 points, or a value that is not positive and finite. The table must outlive the law; the caller frees *room. */
int chinchilla_law(const struct loss_table *table, struct fit_law *law, double **room, struct error *error);

#endif
