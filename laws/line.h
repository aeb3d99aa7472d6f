/* A straight line through points, y = intercept + slope x, by least squares. Inside of laws/ and for lines that a study
 * draws through its scores. */
#ifndef SWEEP_LAWS_LINE_H
#define SWEEP_LAWS_LINE_H

#include "base/error.h"

#include <stddef.h>

struct line {
    size_t points;
    double intercept, slope;
    double intercept_error, slope_error; /* standard errors, were the points independent of each other */
    double r2;                           /* NaN when all y are equal */
};

/* Fails, saying why, with fewer than 3 points, a value that is not finite, or a single x. */
int line_fit(size_t count, const double *x, const double *y, struct line *line, struct error *error);

#endif
