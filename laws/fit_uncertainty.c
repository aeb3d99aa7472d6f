/* How sure a fit is: parameters that the table leaves open, and the bootstrap. */
#include "base/random.h"
#include "laws/fit_internal.h"

#include <gsl/gsl_eigen.h>
#include <gsl/gsl_statistics_double.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Eigenvalues below this share of the largest are rounding: nothing in the table opposes that direction. */
static const double FLAT = 1e-12;

/* No loss is known better than this, relatively, however well the law fits. */
static const double LOSS_ROUNDING = 1e-9;

/* Newton steps from a minimum of the table to that of a resampled one: enough to come to rest, or as near as makes no
 * difference to an interval. */
enum { RESAMPLE_STEPS = 50 };

static int compare_doubles(const void *left, const void *right) {
    const double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

bool fit_exceeds(const struct fit_parameter *parameter, double value, double uncertainty) {
    const double own_size = fabs(parameter->logarithmic ? log(value) : value);
    return !parameter->held && !(uncertainty <= (parameter->limit > 0 ? parameter->limit : own_size));
}

/* Sums the information J^T J [free, free] of the table at x, J being the derivatives of the log losses, and returns the
 * deviation of the residuals: from their median, so that outliers do not count, without those that a fit can make
 * zero, as many as it has parameters. sizes [count] is overwritten. */
static double information_sum(const struct fit_objective *objective, const double *x, double *sizes,
                              double *information) {
    const struct fit_law *law = objective->law;
    const int count = objective->free_count;
    double y[FIT_PARAMETERS_MAX];
    struct fit_block block;
    fit_y_of(objective, x, y);
    memset(information, 0, (size_t)(count * count) * sizeof *information);
    for (size_t first = 0; first < objective->padded; first += FIT_BLOCK) {
        const size_t left = objective->padded - first, length = left < FIT_BLOCK ? left : FIT_BLOCK;
        const double *columns[FIT_COLUMNS_MAX];
        for (int c = 0; c < law->column_count; c++)
            columns[c] = objective->columns[c] + first;
        law->evaluate(law, columns, y, length, true, &block);
        for (size_t i = 0; i < length && first + i < objective->count; i++) {
            double slope[FIT_PARAMETERS_MAX] = {0};
            for (int f = 0; f < count; f++)
                for (int j = 0; j < law->parameter_count; j++)
                    slope[f] += block.slope[j][i] * objective->axes[j][f];
            for (int f = 0; f < count; f++)
                for (int g = 0; g < count; g++)
                    information[f * count + g] += slope[f] * slope[g];
            sizes[first + i] = fabs(block.log_loss[i] - objective->log_losses[first + i]);
        }
    }
    qsort(sizes, objective->count, sizeof *sizes, compare_doubles);
    const size_t exact = (size_t)count;
    const double median = sizes[exact + (objective->count - exact) / 2];
    return fmax(median, LOSS_ROUNDING) / 0.6745; /* median to deviation, normal distribution */
}

/* By the standard errors of the law made linear around the minimum, covariance = noise^2 (J^T J)^-1. A parameter that
 * takes part in a flat direction is open too. */
static unsigned open_parameters(const struct fit_objective *objective, const double *x, double *information,
                                double noise, gsl_eigen_symmv_workspace *workspace) {
    const struct fit_law *law = objective->law;
    const size_t count = (size_t)objective->free_count;
    double values[FIT_PARAMETERS_MAX], vectors[FIT_PARAMETERS_MAX * FIT_PARAMETERS_MAX];
    double variances[FIT_PARAMETERS_MAX] = {0}, y[FIT_PARAMETERS_MAX], parameters[FIT_PARAMETERS_MAX];
    unsigned open = 0;
    gsl_matrix_view matrix = gsl_matrix_view_array(information, count, count);
    gsl_matrix_view directions = gsl_matrix_view_array(vectors, count, count);
    gsl_vector_view lengths = gsl_vector_view_array(values, count);
    gsl_eigen_symmv(&matrix.matrix, &lengths.vector, &directions.matrix, workspace);
    gsl_eigen_symmv_sort(&lengths.vector, &directions.matrix, GSL_EIGEN_SORT_VAL_DESC);
    fit_y_of(objective, x, y);
    for (size_t k = 0; k < count; k++)
        for (int j = 0; j < law->parameter_count; j++) {
            double step = 0; /* of y along the eigenvector */
            for (size_t f = 0; f < count; f++)
                step += objective->axes[j][f] * vectors[f * count + k];
            if (values[k] > FLAT * values[0])
                variances[j] += step * step * noise * noise / values[k];
            else if (fabs(step) > 1e-6)
                open |= 1U << j;
        }
    fit_parameters_of(law, y, parameters);
    for (int j = 0; j < law->parameter_count; j++)
        if (fit_exceeds(&law->parameters[j], parameters[j], sqrt(variances[j])))
            open |= 1U << j;
    return open;
}

int fit_find_undetermined(const struct fit_objective *objective, const double *x, struct fit *fit) {
    double information[FIT_PARAMETERS_MAX * FIT_PARAMETERS_MAX];
    double *sizes = calloc(objective->count, sizeof *sizes);
    gsl_eigen_symmv_workspace *workspace = gsl_eigen_symmv_alloc((size_t)objective->free_count);
    const int status = sizes && workspace ? 0 : -1;
    if (status == 0) {
        const double noise = information_sum(objective, x, sizes, information);
        fit->undetermined |= open_parameters(objective, x, information, noise, workspace);
    }
    gsl_eigen_symmv_free(workspace);
    free(sizes);
    return status;
}

/* ---- bootstrap ---- */

/* A bootstrap draws units with replacement: whole runs, or points. */
struct bootstrap {
    const struct fit_objective *objective;
    uint64_t seed;
    const struct minimum *minima; /* of the table */
    int minimum_count;
    bool runs;
    size_t units, *unit_of; /* [points] */
};

static int compare_runs(const void *left, const void *right) {
    const uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

/* Runs are numbered by their order. Resamples of fewer runs than a fit needs points would not determine the law: then
 * points are drawn, as where the runs are not known. The caller frees unit_of. */
static int units_make(struct bootstrap *bootstrap) {
    const uint64_t *runs = bootstrap->objective->law->runs;
    const size_t points = bootstrap->objective->count;
    uint64_t *distinct = malloc(points * sizeof *distinct);
    size_t count = 0;
    bootstrap->unit_of = malloc(points * sizeof *bootstrap->unit_of);
    if (!distinct || !bootstrap->unit_of) {
        free(distinct);
        return -1;
    }
    if (runs) {
        memcpy(distinct, runs, points * sizeof *distinct);
        qsort(distinct, points, sizeof *distinct, compare_runs);
        for (size_t i = 0; i < points; i++)
            if (i == 0 || distinct[i] != distinct[i - 1])
                distinct[count++] = distinct[i];
    }
    bootstrap->runs = count >= (size_t)bootstrap->objective->free_count + FIT_POINTS_MORE;
    bootstrap->units = bootstrap->runs ? count : points;
    for (size_t i = 0; i < points; i++) {
        bootstrap->unit_of[i] = i;
        if (bootstrap->runs) {
            const uint64_t *place = bsearch(&runs[i], distinct, count, sizeof *distinct, compare_runs);
            bootstrap->unit_of[i] = (size_t)(place - distinct);
        }
    }
    free(distinct);
    return 0;
}

/* Minimises one resampled table; room [units + padded]. Fills the parameters [parameter_count]. */
static int resample_fit(const struct bootstrap *bootstrap, uint64_t sample, double *room, double *parameters) {
    const struct fit_objective *objective = bootstrap->objective;
    double *times = room, *weights = room + bootstrap->units;
    const struct fit_weighted weighted = {objective, weights};
    const struct objective resampled = {objective->free_count, fit_value, &weighted};
    const struct experience experience = {.steps = RESAMPLE_STEPS};
    struct minimum best = {.value = INFINITY};
    double y[FIT_PARAMETERS_MAX];
    memset(times, 0, bootstrap->units * sizeof *times);
    for (size_t u = 0; u < bootstrap->units; u++)
        times[random_below(bootstrap->units, bootstrap->seed, sample, u)] += 1;
    for (size_t i = 0; i < objective->padded; i++)
        weights[i] = i < objective->count ? times[bootstrap->unit_of[i]] : 0;
    for (int m = 0; m < bootstrap->minimum_count; m++) {
        struct minimum minimum = bootstrap->minima[m];
        if (minimise_near(&resampled, &experience, &minimum) != 0)
            return -1;
        if (minimum.value < best.value)
            best = minimum;
    }
    fit_y_of(objective, best.x, y);
    fit_parameters_of(objective->law, y, parameters);
    return 0;
}

/* The quantile of sorted values, interpolated; they may end in infinite ones. */
static double quantile(const double *sorted, int count, double share) {
    const double place = share * (count - 1);
    const int below = (int)place < count - 1 ? (int)place : count - 2;
    const double step = sorted[below + 1] > sorted[below] ? sorted[below + 1] - sorted[below] : 0;
    return place > below ? sorted[below] + (place - below) * step : sorted[below];
}

struct fit_interval fit_interval_of(double *values, int count) {
    qsort(values, (size_t)count, sizeof *values, compare_doubles);
    return (struct fit_interval){quantile(values, count, 0.025), quantile(values, count, 0.975)};
}

/* Standard errors and intervals from the parameters of all samples, and what those say is open. column [count] is
 * room. */
static void spread_measure(const struct fit_law *law, double (*samples)[FIT_PARAMETERS_MAX], int count, double *column,
                           struct fit *fit) {
    for (int j = 0; j < law->parameter_count; j++) {
        double mean = 0, square = 0;
        for (int s = 0; s < count; s++) {
            column[s] = samples[s][j];
            mean += column[s] / count;
        }
        for (int s = 0; s < count; s++)
            square += (column[s] - mean) * (column[s] - mean);
        const struct fit_interval interval = fit_interval_of(column, count);
        if (law->parameters[j].held) /* without the rounding of a mean */
            square = 0;
        fit->standard_errors[j] = isfinite(square) ? sqrt(square / (count - 1)) : NAN;
        fit->low[j] = interval.low;
        fit->high[j] = interval.high;
        const double width =
            law->parameters[j].logarithmic ? log(fit->high[j]) - log(fit->low[j]) : fit->high[j] - fit->low[j];
        if (fit_exceeds(&law->parameters[j], fit->parameters[j], width / 4)) /* +-2 standard errors */
            fit->undetermined |= 1U << j;
    }
}

int fit_bootstrap(const struct fit_objective *objective, const struct fit_options *options,
                  const struct minimum *minima, int minimum_count, struct fit *fit) {
    const int count = options->bootstraps;
    struct bootstrap bootstrap = {
        .objective = objective, .seed = options->seed, .minima = minima, .minimum_count = minimum_count};
    for (int j = 0; j < objective->law->parameter_count; j++)
        fit->standard_errors[j] = fit->low[j] = fit->high[j] = NAN;
    if (count < 2)
        return 0;
    double(*own)[FIT_PARAMETERS_MAX] = options->resamples ? NULL : malloc((size_t)count * sizeof *own);
    double(*samples)[FIT_PARAMETERS_MAX] = own ? own : options->resamples;
    double *column = malloc((size_t)count * sizeof *column);
    int failed = units_make(&bootstrap) != 0 || !samples || !column;
    if (!failed) {
#pragma omp parallel reduction(+ : failed)
        {
            double *room = malloc((bootstrap.units + objective->padded) * sizeof *room);
#pragma omp for schedule(dynamic, 4)
            for (int s = 0; s < count; s++)
                failed += !room || resample_fit(&bootstrap, (uint64_t)s, room, samples[s]) != 0;
            free(room);
        }
    }
    if (!failed) {
        spread_measure(objective->law, samples, count, column, fit);
        fit->resamples = count;
        fit->runs_drawn = bootstrap.runs ? bootstrap.units : 0;
    }
    free(bootstrap.unit_of);
    free(column);
    free(own);
    return failed ? -1 : 0;
}
