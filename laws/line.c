#include "laws/line.h"

#include <gsl/gsl_fit.h>
#include <gsl/gsl_statistics_double.h>
#include <math.h>

int line_fit(size_t count, const double *x, const double *y, struct line *line, struct error *error) {
    if (count < 3)
        return error_set(error, ERROR_INPUT, "%zu points; a line and its errors need at least 3", count);
    size_t distinct = 1;
    for (size_t i = 0; i < count; i++) {
        if (!isfinite(x[i]) || !isfinite(y[i]))
            return error_set(error, ERROR_INPUT, "point %zu of the line is not finite", i + 1);
        distinct += x[i] != x[0];
    }
    if (distinct == 1)
        return error_set(error, ERROR_INPUT, "all %zu points lie at %g; a line needs two places", count, x[0]);
    double cov00, cov01, cov11, residual;
    gsl_fit_linear(x, 1, y, 1, count, &line->intercept, &line->slope, &cov00, &cov01, &cov11, &residual);
    const double total = gsl_stats_tss(y, 1, count);
    line->points = count;
    line->intercept_error = sqrt(cov00);
    line->slope_error = sqrt(cov11);
    line->r2 = total > 0 ? 1 - residual / total : NAN;
    return 0;
}
