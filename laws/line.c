#include "laws/line.h"

#include <math.h>
#include <stdlib.h>

/* The points of a group: how many, the means of x and y, and the sum of (x - mean) * residual. */
struct group {
    size_t points;
    double x, y, pull;
};

static size_t find_means(size_t count, const struct line_point *points, size_t groups, struct group *means) {
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
        struct group *group = &means[points[i].group];
        group->points++;
        group->x += points[i].x;
        group->y += points[i].y;
    }
    for (struct group *group = means; group < means + groups; group++) {
        if (group->points == 0)
            continue;
        used++;
        group->x /= (double)group->points;
        group->y /= (double)group->points;
    }
    return used;
}

/* Standard errors of points that are independent, and of groups that are (Liang and Zeger 1986): the larger ones. */
static void find_errors(const struct group *means, size_t groups, double xx, struct line *line) {
    const double used = (double)line->groups, variance = line->residual / ((double)line->points - used - 1);
    double x_mean = 0, share = 0, pulls = 0, levels = 0;
    for (const struct group *group = means; group < means + groups; group++) {
        if (group->points == 0)
            continue;
        const double level = group->y - line->slope * group->x - line->intercept;
        x_mean += group->x / used;
        share += 1 / (double)group->points;
        pulls += group->pull * group->pull;
        levels += level * level;
    }
    line->slope_error = sqrt(variance / xx);
    line->intercept_error = sqrt(variance * (share / (used * used) + x_mean * x_mean / xx));
    if (line->groups == 1)
        return;
    line->slope_error = fmax(line->slope_error, sqrt(used / (used - 1) * pulls) / xx);
    line->intercept_error = fmax(line->intercept_error, sqrt(levels / (used * (used - 1))));
}

/* Deviations from the means of the groups give the slope; the levels follow. */
static int fit_within(size_t count, const struct line_point *points, size_t groups, struct group *means,
                      struct line *line, struct error *error) {
    *line = (struct line){.points = count, .groups = find_means(count, points, groups, means)};
    double xx = 0, xy = 0, yy = 0, scale = 0;
    for (size_t i = 0; i < count; i++) {
        const struct group *group = &means[points[i].group];
        const double x = points[i].x - group->x, y = points[i].y - group->y;
        xx += x * x;
        xy += x * y;
        yy += y * y;
        scale += group->x * group->x;
    }
    if (count < line->groups + 2)
        return error_set(error, ERROR_INPUT, "%zu points%s; a line and its errors need at least %zu", count,
                         line->groups > 1 ? " in groups" : "", line->groups + 2);
    if (!(xx > 1e-24 * scale)) /* beyond the rounding of the means */
        return error_set(error, ERROR_INPUT, "all points%s lie at one place; a line needs two",
                         line->groups > 1 ? " of each group" : "");
    line->slope = xy / xx;
    for (size_t i = 0; i < count; i++) {
        struct group *group = &means[points[i].group];
        const double rest = points[i].y - group->y - line->slope * (points[i].x - group->x);
        line->residual += rest * rest;
        group->pull += (points[i].x - group->x) * rest;
    }
    for (const struct group *group = means; group < means + groups; group++)
        if (group->points > 0)
            line->intercept += (group->y - line->slope * group->x) / (double)line->groups;
    find_errors(means, groups, xx, line);
    line->r2 = yy > 0 ? 1 - line->residual / yy : NAN;
    return 0;
}

int line_fit(size_t count, const struct line_point *points, size_t groups, struct line *line, struct error *error) {
    for (size_t i = 0; i < count; i++)
        if (!isfinite(points[i].x) || !isfinite(points[i].y))
            return error_set(error, ERROR_INPUT, "point %zu of the line is not finite", i + 1);
    struct group *means = calloc(groups + 1, sizeof *means);
    if (!means)
        return error_set(error, ERROR_FAILED, "no memory for %zu groups of points", groups);
    const int result = fit_within(count, points, groups, means, line, error);
    free(means);
    return result;
}
