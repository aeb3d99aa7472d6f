/* The Chinchilla law, L(N, D) = E + A / N^alpha + B / D^beta (Hoffmann et al. 2022, arXiv 2203.15556, section 3.3):
 * minimal sum over the points of Huber_delta(log-sum-exp(a - alpha ln N, b - beta ln D, e) - ln L), A = exp a and so
 * on. */
#ifndef SWEEP_LAWS_CHINCHILLA_H
#define SWEEP_LAWS_CHINCHILLA_H

#include "base/error.h"

#include <stddef.h>

/* A table of points: parameters, tokens, loss; all finite and positive. */
struct loss_table {
    size_t count;
    const double *N, *D, *L;
};

enum { CHINCHILLA_PARAMETERS = 5 };

struct chinchilla_fit {
    double E, A, B, alpha, beta;
    double objective;               /* sum of Huber losses */
    double r2;                      /* of the losses, 1 - residual sum of squares / total sum of squares */
    size_t points, starts, reached; /* reached: starts that ended in this minimum */
    unsigned undetermined;          /* bit i set: parameter i (E A B alpha beta) is not determined by the data */
};

/* Fits from a grid of starts with L-BFGS. Fails, saying why, with fewer than 3 sizes (distinct N), fewer than 3
 * distinct D, fewer than 8 points, or a value that is not positive and finite. delta: 1e-3 in the literature. */
int chinchilla_fit(const struct loss_table *table, double delta, struct chinchilla_fit *fit, struct error *error);

#endif
