/* A random forest for regression (Breiman 2001): the mean of trees, each grown without limit of depth on a bootstrap
 * sample of the rows; every split is the one that lowers the sum of squares most, over all features. Random numbers are
 * counter-based: the same table and seed give the same forest, to the bit, on any number of threads. */
#ifndef SWEEP_LAWS_FOREST_H
#define SWEEP_LAWS_FOREST_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

struct forest_table {
    size_t count;
    size_t features; /* F */
    const double *x; /* [count, F] */
    const double *y; /* [count] */
};

struct forest_settings {
    size_t trees;
    uint64_t seed;
};

struct forest;

/* The caller frees it with forest_free. NULL, saying why: no rows, or a value that is not finite. */
struct forest *forest_grow(const struct forest_table *table, const struct forest_settings *settings,
                           struct error *error);
void forest_free(struct forest *forest);

/* The forest's value at x [F], finite. */
double forest_predict(const struct forest *forest, const double *x);

/* How well a forest foretells rows that it has not seen. The rows are dealt into `folds` parts (seeded); each part is
 * foretold by a forest grown on the others. predictions [count]: all of these, from which r2 and spearman are taken. */
struct forest_quality {
    double mean_square; /* mean squared error */
    double r2;          /* NaN when all y are equal */
    double spearman;    /* rank correlation; NaN when y or the predictions are all equal */
};
int forest_validate(const struct forest_table *table, const struct forest_settings *settings, size_t folds,
                    double *predictions, struct forest_quality *quality, struct error *error);

#endif
