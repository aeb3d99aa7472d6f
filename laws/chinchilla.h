/* The Chinchilla law, L(N, D) = E + A / N^alpha + B / D^beta (Hoffmann et al. 2022, arXiv 2203.15556, section 3.3):
 * minimal sum over the points of Huber_delta(log-sum-exp(a - alpha ln N, b - beta ln D, e) - ln L), A = exp a and so
 * on. E is the loss that no size and no data remove, in nats per token like L.
 *
 * A fit is the best of many starts, each followed to a minimum until the gradient is zero to rounding. The result is
 * the same for every number of threads. docs/laws.md says how to read it. */
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
    /* Bit i set: parameter i (E A B alpha beta) is not determined by the data. It takes part in a flat direction, has
     * run to its bound, or its standard error is above 1 in ln E, ln A, ln B or above the exponent itself. */
    unsigned undetermined;
};

/* Fits from a grid of 4500 starts, on all threads. Fails, saying why, with fewer than 3 sizes (distinct N), fewer than
 * 3 distinct D, fewer than 8 points, equal losses only, a value that is not positive and finite, or when the best law
 * is none: an exponent and its A or B beyond all numbers. delta: 1e-3 in the literature. Time grows with the points:
 * about 10 ms of one core each. Turns GSL's error handler off. */
int chinchilla_fit(const struct loss_table *table, double delta, struct chinchilla_fit *fit, struct error *error);

#endif
