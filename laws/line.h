/* A straight line through points that come in groups, by least squares: y = level of the group + slope x. Which groups
 * have points at which x does not bend the slope, as it would bend that of a line through all points; with a single
 * group the line is that common one. */
#ifndef SWEEP_LAWS_LINE_H
#define SWEEP_LAWS_LINE_H

#include "base/error.h"

#include <stddef.h>

struct line_point {
    double x, y;
    size_t group;
};

struct line {
    size_t points, groups;
    double intercept; /* mean of the groups' levels */
    double slope;
    double intercept_error, slope_error; /* standard errors: points independent of each other, or, where that gives
                                            more, groups independent of each other and points of a group not */
    double residual;                     /* sum of squares */
    double r2;                           /* within the groups; NaN when y does not vary there */
};

/* Groups are numbered below `groups`; those without points do not count. Fails, saying why, with a value that is not
 * finite, fewer points than groups + 2, or when x is the same all over each group. */
int line_fit(size_t count, const struct line_point *points, size_t groups, struct line *line, struct error *error);

#endif
