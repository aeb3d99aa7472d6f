#include "laws/chinchilla_internal.h"
#include "laws/minimise.h"

#include <gsl/gsl_eigen.h>
#include <gsl/gsl_errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The order of theta, of the fit's parameters and of the bits of `undetermined`. */
enum { E_TERM, A_TERM, B_TERM, ALPHA, BETA, P = CHINCHILLA_PARAMETERS };

enum { POINTS_LEAST = 8, SIZES_LEAST = 3 };

/* The grid of starts has the numbers of Hoffmann et al., 6 x 6 x 5 x 5 x 5, and their exponents. The terms are given as
 * shares of the loss at the centre of the table: with A itself, as there, most starts would lie where A / N^alpha is
 * either nothing or everything and no gradient leads away. */
static const double TERM_STARTS[] = {-5, -4, -3, -2, -1, 0}; /* ln of the share of A / N^alpha and of B / D^beta */
static const double E_STARTS[] = {-2, -1.5, -1, -0.5, 0};    /* ln of the share of E */
static const double EXPONENT_STARTS[] = {0, 0.5, 1, 1.5, 2};
enum { TERMS = 6, EXPONENTS = 5, STARTS = TERMS * TERMS * EXPONENTS * EXPONENTS * EXPONENTS };

/* Starts whose objectives agree to this share have reached the same minimum. */
static const double SAME_MINIMUM = 1e-9;

/* Eigenvalues below this share of the largest are rounding: nothing in the table opposes that direction. */
static const double FLAT = 1e-12;

/* How many distinct values there are, counted up to SIZES_LEAST. */
static size_t count_distinct(const double *values, size_t count) {
    double found[SIZES_LEAST];
    size_t distinct = 0;
    for (size_t i = 0; i < count && distinct < SIZES_LEAST; i++) {
        size_t k = 0;
        while (k < distinct && found[k] != values[i])
            k++;
        if (k == distinct)
            found[distinct++] = values[i];
    }
    return distinct;
}

static int table_check(const struct loss_table *table, struct error *error) {
    const double *columns[] = {table->N, table->D, table->L};
    for (size_t i = 0; i < table->count; i++)
        for (int c = 0; c < 3; c++)
            if (!(columns[c][i] > 0) || !isfinite(columns[c][i]))
                return error_set(error, ERROR_INPUT,
                                 "Chinchilla fit, row %zu: %c is %g; it must be positive and finite", i + 1, "NDL"[c],
                                 columns[c][i]);
    if (table->count < POINTS_LEAST)
        return error_set(error, ERROR_INPUT, "Chinchilla fit: %zu points; at least %d are needed", table->count,
                         POINTS_LEAST);
    for (int c = 0; c < 2; c++) {
        const size_t distinct = count_distinct(columns[c], table->count);
        if (distinct < SIZES_LEAST)
            return error_set(error, ERROR_INPUT, "Chinchilla fit: %zu distinct %c; at least %d are needed", distinct,
                             "ND"[c], SIZES_LEAST);
    }
    if (count_distinct(table->L, table->count) < 2)
        return error_set(error, ERROR_INPUT, "Chinchilla fit: all losses are equal; they do not depend on N or D");
    return 0;
}

/* Fills out with ln values, minus their mean, which it returns. */
static double centred_logarithms(const double *values, size_t count, double *out) {
    double mean = 0;
    for (size_t i = 0; i < count; i++)
        mean += log(values[i]) / (double)count;
    for (size_t i = 0; i < count; i++)
        out[i] = log(values[i]) - mean;
    return mean;
}

/* Scales values of mean 0 to deviation 1; returns the deviation they had. */
static double scale_deviation(double *values, size_t count) {
    double square = 0;
    for (size_t i = 0; i < count; i++)
        square += values[i] * values[i] / (double)count;
    for (size_t i = 0; i < count; i++)
        values[i] /= sqrt(square);
    return sqrt(square);
}

int chinchilla_data_make(const struct loss_table *table, double delta, struct chinchilla_data *data,
                         struct error *error) {
    const size_t count = table->count;
    double *x = calloc(3 * count, sizeof *x);
    if (!x) {
        error_set(error, ERROR_FAILED, "Chinchilla fit of %zu points: not enough memory", count);
        return -1;
    }
    *data = (struct chinchilla_data){.count = count, .delta = delta, .x = x, .y = x + count, .z = x + 2 * count};
    data->x_mean = centred_logarithms(table->N, count, data->x);
    data->y_mean = centred_logarithms(table->D, count, data->y);
    data->z_mean = centred_logarithms(table->L, count, data->z);
    data->x_deviation = scale_deviation(data->x, count);
    data->y_deviation = scale_deviation(data->y, count);
    return 0;
}

/* The residual of one point, ln of the law minus ln of the loss, and its gradient [P], which holds the shares of the
 * three terms and their first moments. The law cannot overflow by a step too far: it becomes infinite, and the step is
 * taken back. */
static double residual(const struct chinchilla_data *data, const double *theta, double e, size_t i, double *slope) {
    const double a = exp(theta[A_TERM] - theta[ALPHA] * data->x[i]);
    const double b = exp(theta[B_TERM] - theta[BETA] * data->y[i]);
    const double law = e + a + b;
    slope[E_TERM] = e / law;
    slope[A_TERM] = a / law;
    slope[B_TERM] = b / law;
    slope[ALPHA] = -slope[A_TERM] * data->x[i];
    slope[BETA] = -slope[B_TERM] * data->y[i];
    return log(law) - data->z[i];
}

double chinchilla_value(const void *objective_data, const double *theta, double *gradient, double *hessian) {
    const struct chinchilla_data *data = objective_data;
    const double delta = data->delta, e = exp(theta[E_TERM]);
    double value = 0, slope[P];
    double first[P] = {0}, second[P * P] = {0};
    for (size_t i = 0; i < data->count; i++) {
        const double r = residual(data, theta, e, i, slope);
        const double below = r < delta ? r : delta;
        const double pull = below > -delta ? below : -delta; /* the derivative of the Huber loss */
        value += pull * (r - pull / 2);
        if (gradient)
            for (int j = 0; j < P; j++)
                first[j] += pull * slope[j];
        if (hessian) {
            /* A log-sum-exp of terms u_k . theta with shares s_k has the Hessian sum s_k u_k u_k^T - slope slope^T. */
            const double x = data->x[i], y = data->y[i];
            for (int j = 0; j < P; j++)
                for (int k = 0; k <= j; k++)
                    second[j * P + k] += ((pull == r) - pull) * slope[j] * slope[k];
            second[E_TERM * P + E_TERM] += pull * slope[E_TERM];
            second[A_TERM * P + A_TERM] += pull * slope[A_TERM];
            second[B_TERM * P + B_TERM] += pull * slope[B_TERM];
            second[ALPHA * P + A_TERM] += pull * slope[ALPHA];
            second[BETA * P + B_TERM] += pull * slope[BETA];
            second[ALPHA * P + ALPHA] -= pull * slope[ALPHA] * x;
            second[BETA * P + BETA] -= pull * slope[BETA] * y;
        }
    }
    if (gradient)
        memcpy(gradient, first, sizeof first);
    if (hessian)
        memcpy(hessian, second, sizeof second);
    return value;
}

static void start_make(const struct chinchilla_data *data, int start, double *theta) {
    theta[A_TERM] = TERM_STARTS[start % TERMS];
    theta[B_TERM] = TERM_STARTS[start / TERMS % TERMS];
    start /= TERMS * TERMS;
    theta[E_TERM] = E_STARTS[start % EXPONENTS];
    theta[ALPHA] = EXPONENT_STARTS[start / EXPONENTS % EXPONENTS] * data->x_deviation;
    theta[BETA] = EXPONENT_STARTS[start / (EXPONENTS * EXPONENTS)] * data->y_deviation;
}

/* Minimises from every start; fills values [STARTS] and minima [STARTS, P]. */
static int starts_run(const struct chinchilla_data *data, double *values, double *minima) {
    const struct objective objective = {P, chinchilla_value, data};
    int failed = 0;
    gsl_set_error_handler_off(); /* its default ends the process */
#pragma omp parallel for schedule(dynamic, 16) reduction(+ : failed)
    for (int s = 0; s < STARTS; s++) {
        start_make(data, s, minima + s * P);
        failed += minimise(&objective, minima + s * P, values + s) != 0;
    }
    return failed ? -1 : 0;
}

static int double_compare(const void *left, const void *right) {
    const double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

/* Sums the information J^T J [P, P] of the table at theta, J being the gradients of the residuals, and returns the
 * deviation of the residuals: from their median, so that outliers do not count, without those P that a fit can make
 * zero. sizes [count] is overwritten. */
static double information_sum(const struct chinchilla_data *data, const double *theta, double *sizes,
                              double *information) {
    double slope[P];
    memset(information, 0, P * P * sizeof *information);
    for (size_t i = 0; i < data->count; i++) {
        sizes[i] = fabs(residual(data, theta, exp(theta[E_TERM]), i, slope));
        for (int j = 0; j < P; j++)
            for (int k = 0; k < P; k++)
                information[j * P + k] += slope[j] * slope[k];
    }
    qsort(sizes, data->count, sizeof *sizes, double_compare);
    return sizes[P + (data->count - P) / 2] / 0.6745; /* median to deviation, normal distribution */
}

/* Which parameters the table leaves open, by the standard errors of the law made linear around the minimum, covariance
 * = noise^2 (J^T J)^-1: A, B and E when they are not known to a factor of e, an exponent when it is not known to its
 * own size, and all that take part in a flat direction. */
static unsigned open_parameters(const struct chinchilla_data *data, const double *theta, double *information,
                                double noise, gsl_eigen_symmv_workspace *workspace) {
    double values[P], vectors[P * P], variances[P] = {0};
    unsigned open = 0;
    gsl_matrix_view matrix = gsl_matrix_view_array(information, P, P), axes = gsl_matrix_view_array(vectors, P, P);
    gsl_vector_view lengths = gsl_vector_view_array(values, P);
    gsl_eigen_symmv(&matrix.matrix, &lengths.vector, &axes.matrix, workspace);
    gsl_eigen_symmv_sort(&lengths.vector, &axes.matrix, GSL_EIGEN_SORT_VAL_DESC);

    for (int k = 0; k < P; k++) {
        double step[P]; /* the eigenvector in ln E, ln A, ln B, alpha, beta */
        for (int j = 0; j < P; j++)
            step[j] = vectors[j * P + k];
        step[ALPHA] /= data->x_deviation;
        step[BETA] /= data->y_deviation;
        step[A_TERM] += step[ALPHA] * data->x_mean;
        step[B_TERM] += step[BETA] * data->y_mean;
        for (int j = 0; j < P; j++) {
            if (values[k] > FLAT * values[0])
                variances[j] += step[j] * step[j] * noise * noise / values[k];
            else if (fabs(step[j]) > 1e-6)
                open |= 1U << j;
        }
    }
    const double limits[P] = {1, 1, 1, theta[ALPHA] / data->x_deviation, theta[BETA] / data->y_deviation};
    for (int j = 0; j < P; j++)
        if (sqrt(variances[j]) > fabs(limits[j]))
            open |= 1U << j;
    return open;
}

static int find_undetermined(const struct chinchilla_data *data, const double *theta, unsigned *undetermined) {
    double information[P * P];
    double *sizes = calloc(data->count, sizeof *sizes);
    gsl_eigen_symmv_workspace *workspace = gsl_eigen_symmv_alloc(P);
    const int status = sizes && workspace ? 0 : -1;
    if (status == 0) {
        const double noise = information_sum(data, theta, sizes, information);
        *undetermined = open_parameters(data, theta, information, noise, workspace);
    }
    gsl_eigen_symmv_free(workspace);
    free(sizes);
    return status;
}

static double r_squared(const struct loss_table *table, const struct chinchilla_fit *fit) {
    double mean = 0, residuals = 0, total = 0;
    for (size_t i = 0; i < table->count; i++)
        mean += table->L[i] / (double)table->count;
    for (size_t i = 0; i < table->count; i++) {
        const double law = fit->E + fit->A * pow(table->N[i], -fit->alpha) + fit->B * pow(table->D[i], -fit->beta);
        residuals += (table->L[i] - law) * (table->L[i] - law);
        total += (table->L[i] - mean) * (table->L[i] - mean);
    }
    return 1 - residuals / total;
}

/* Fills the fit from the ends of all starts. */
static int fit_choose(const struct loss_table *table, const struct chinchilla_data *data, const double *values,
                      const double *minima, struct chinchilla_fit *fit, struct error *error) {
    int best = 0; /* of equals the first */
    for (int s = 1; s < STARTS; s++)
        if (values[s] < values[best])
            best = s;
    const double *theta = minima + best * P;
    *fit = (struct chinchilla_fit){.objective = values[best], .points = table->count, .starts = STARTS};
    fit->alpha = theta[ALPHA] / data->x_deviation;
    fit->beta = theta[BETA] / data->y_deviation;
    fit->E = exp(theta[E_TERM] + data->z_mean);
    fit->A = exp(theta[A_TERM] + fit->alpha * data->x_mean + data->z_mean);
    fit->B = exp(theta[B_TERM] + fit->beta * data->y_mean + data->z_mean);
    fit->r2 = r_squared(table, fit);
    if (!isfinite(fit->A) || !isfinite(fit->B))
        return error_set(error, ERROR_INPUT, "Chinchilla fit: %s grows without bound; the losses follow no power of %s",
                         isfinite(fit->A) ? "beta" : "alpha", isfinite(fit->A) ? "D" : "N");
    if (!isfinite(fit->r2))
        return error_set(error, ERROR_INPUT, "Chinchilla fit: the losses are too large to square");
    /* Where the law fits exactly, objectives are rounding: residuals of 1e-8 are as good as none. */
    const double same = fit->objective * (1 + SAME_MINIMUM) + (double)table->count * 1e-16;
    for (int s = 0; s < STARTS; s++)
        fit->reached += values[s] <= same;
    if (find_undetermined(data, theta, &fit->undetermined))
        return error_set(error, ERROR_FAILED, "Chinchilla fit: not enough memory");
    return 0;
}

int chinchilla_fit(const struct loss_table *table, double delta, struct chinchilla_fit *fit, struct error *error) {
    struct chinchilla_data data;
    if (!(delta > 0) || !isfinite(delta))
        return error_set(error, ERROR_INPUT, "Chinchilla fit: delta is %g; it must be positive and finite", delta);
    if (table_check(table, error) || chinchilla_data_make(table, delta, &data, error))
        return -1;
    double *values = calloc(STARTS, sizeof *values), *minima = calloc(STARTS * P, sizeof *minima);
    int status = -1;
    if (!values || !minima || starts_run(&data, values, minima))
        error_set(error, ERROR_FAILED, "Chinchilla fit: not enough memory");
    else
        status = fit_choose(table, &data, values, minima, fit, error);
    free(minima);
    free(values);
    free(data.x);
    return status;
}
