/* The objective of the Chinchilla fit in its scaled variables: what tests hold against finite differences. */
#ifndef SWEEP_LAWS_CHINCHILLA_INTERNAL_H
#define SWEEP_LAWS_CHINCHILLA_INTERNAL_H

#include "laws/chinchilla.h"

/* A table in logarithms, centred and scaled:
 *   x = (ln N - mean) / deviation,  y = (ln D - mean) / deviation,  z = ln L - mean.
 * Its variables theta [5] are the logarithms of the three terms at the centre of the table, as shares of the loss
 * there, and the exponents times the deviations, in the order of the bits of `undetermined`: E term, A term, B term,
 * alpha * deviation, beta * deviation. So each of them moves the losses about as much, wherever N, D and L lie. */
struct chinchilla_data {
    size_t count;
    double delta;
    double *x, *y, *z; /* [count] each, one block that starts at x */
    double x_mean, x_deviation, y_mean, y_deviation, z_mean;
};

/* Takes a table that chinchilla_fit would take; the caller frees x. */
int chinchilla_data_make(const struct loss_table *table, double delta, struct chinchilla_data *data,
                         struct error *error);

/* The sum of Huber losses at theta, its gradient [5] and the lower triangle of its Hessian [5, 5] where not NULL; an
 * objective of laws/minimise.h. */
double chinchilla_value(const void *data, const double *theta, double *gradient, double *hessian);

#endif
