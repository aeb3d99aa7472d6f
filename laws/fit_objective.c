/* The objective of a fit: the table in blocks, the law's derivatives summed over points, in scaled variables. */
#include "laws/fit_internal.h"
#include "laws/vector_math.h"

#include <math.h>
#include <stdlib.h>

/* y = origin + axes x, from the last parameter to the first, as links point to parameters behind. */
static void axes_make(struct fit_objective *objective) {
    const struct fit_law *law = objective->law;
    for (int j = 0; j < law->parameter_count; j++)
        if (!law->parameters[j].held)
            objective->free[objective->free_count++] = j;
    int f = objective->free_count;
    for (int j = law->parameter_count - 1; j >= 0; j--) {
        const struct fit_parameter *parameter = &law->parameters[j];
        if (parameter->held) {
            objective->origin[j] = parameter->logarithmic ? log(parameter->value) : parameter->value;
            continue;
        }
        objective->origin[j] = parameter->offset;
        for (int k = j + 1; k < law->parameter_count; k++) {
            objective->origin[j] += parameter->link[k] * objective->origin[k];
            for (int g = 0; g < objective->free_count; g++)
                objective->axes[j][g] += parameter->link[k] * objective->axes[k][g];
        }
        objective->axes[j][--f] += parameter->scale;
    }
}

int fit_objective_make(const struct fit_law *law, double delta, const size_t *rows, size_t count,
                       struct fit_objective *objective, struct error *error) {
    const size_t padded = (count + FIT_LANES - 1) / FIT_LANES * FIT_LANES;
    double *room = malloc(((size_t)law->column_count + 2) * padded * sizeof *room);
    if (!room)
        return error_set(error, ERROR_FAILED, "%s fit of %zu points: not enough memory", law->name, count);
    *objective = (struct fit_objective){.law = law, .delta = delta, .count = count, .padded = padded, .room = room};
    axes_make(objective);
    for (int c = 0; c < law->column_count; c++, room += padded)
        objective->columns[c] = room;
    objective->log_losses = room;
    objective->weights = room + padded;
    for (size_t i = 0; i < padded; i++) {
        const size_t place = i < count ? i : count - 1, row = rows ? rows[place] : place;
        for (int c = 0; c < law->column_count; c++)
            objective->columns[c][i] = law->columns[c][row];
        objective->log_losses[i] = log(law->losses[row]);
        objective->weights[i] = i < count;
    }
    return 0;
}

void fit_y_of(const struct fit_objective *objective, const double *x, double *y) {
    for (int j = 0; j < objective->law->parameter_count; j++) {
        y[j] = objective->origin[j];
        for (int f = 0; f < objective->free_count; f++)
            y[j] += objective->axes[j][f] * x[f];
    }
}

void fit_parameters_of(const struct fit_law *law, const double *y, double *parameters) {
    for (int j = 0; j < law->parameter_count; j++)
        parameters[j] = law->parameters[j].held          ? law->parameters[j].value
                        : law->parameters[j].logarithmic ? exp(y[j])
                                                         : y[j];
}

void fit_y_of_parameters(const struct fit_law *law, const double *parameters, double *y) {
    for (int j = 0; j < law->parameter_count; j++)
        y[j] = law->parameters[j].logarithmic ? log(parameters[j]) : parameters[j];
}

/* Sums of one block: strands [FIT_LANES] a derivative. `inner` is the weight of slope * slope, `outer` that of the
 * curvature: a Huber loss h of r = ln L - ln loss has h' dr and h'' dr dr + h' (L''/L - dr dr). */
struct sums {
    double value[FIT_LANES];
    double slope[FIT_PARAMETERS_MAX][FIT_LANES];
    double curvature[FIT_PAIRS_MAX][FIT_LANES];
};

VECTOR_CLONES static void huber_sum(const struct fit_block *block, const double *restrict log_losses,
                                    const double *restrict weights, double delta, size_t count, double *restrict inner,
                                    double *restrict outer, double *restrict value) {
    double strand[FIT_LANES] = {0};
    for (size_t i = 0; i < count; i += FIT_LANES)
        for (size_t l = 0; l < FIT_LANES; l++) {
            const double r = block->log_loss[i + l] - log_losses[i + l], weight = weights[i + l];
            const double below = r < delta ? r : delta;
            const double pull = below > -delta ? below : -delta; /* the derivative of the Huber loss */
            strand[l] += weight * (pull * (r - pull / 2));
            outer[i + l] = weight * pull;
            inner[i + l] = weight * ((pull == r ? 1. : 0.) - pull);
        }
    for (size_t l = 0; l < FIT_LANES; l++)
        value[l] += strand[l];
}

VECTOR_CLONES static void slope_sum(const struct fit_block *block, int parameters, size_t count,
                                    const double *restrict outer, struct sums *restrict sums) {
    for (int j = 0; j < parameters; j++) {
        double strand[FIT_LANES] = {0};
        for (size_t i = 0; i < count; i += FIT_LANES)
            for (size_t l = 0; l < FIT_LANES; l++)
                strand[l] += outer[i + l] * block->slope[j][i + l];
        for (size_t l = 0; l < FIT_LANES; l++)
            sums->slope[j][l] += strand[l];
    }
}

VECTOR_CLONES static void curvature_sum(const struct fit_block *block, int parameters, size_t count,
                                        const double *restrict inner, const double *restrict outer,
                                        struct sums *restrict sums) {
    double pulled[FIT_BLOCK];
    for (int j = 0; j < parameters; j++) {
        for (size_t i = 0; i < count; i++)
            pulled[i] = inner[i] * block->slope[j][i];
        for (int k = 0; k <= j; k++) {
            const double *slope = block->slope[k], *curvature = block->curvature[fit_pair(j, k)];
            double strand[FIT_LANES] = {0};
            for (size_t i = 0; i < count; i += FIT_LANES)
                for (size_t l = 0; l < FIT_LANES; l++)
                    strand[l] += pulled[i + l] * slope[i + l] + outer[i + l] * curvature[i + l];
            for (size_t l = 0; l < FIT_LANES; l++)
                sums->curvature[fit_pair(j, k)][l] += strand[l];
        }
    }
}

static double strands_sum(const double *strand) {
    double sum = 0;
    for (int l = 0; l < FIT_LANES; l++)
        sum += strand[l];
    return sum;
}

/* From derivatives by y to those by x: axes^T g, and the lower triangle of axes^T H axes. */
static void derivatives_scale(const struct fit_objective *objective, const struct sums *sums, double *gradient,
                              double *hessian) {
    const int parameters = objective->law->parameter_count, count = objective->free_count;
    double by_y[FIT_PAIRS_MAX], half[FIT_PARAMETERS_MAX][FIT_PARAMETERS_MAX];
    for (int f = 0; f < count; f++) {
        gradient[f] = 0;
        for (int j = 0; j < parameters; j++)
            gradient[f] += objective->axes[j][f] * strands_sum(sums->slope[j]);
    }
    if (!hessian)
        return;
    for (int p = 0; p < fit_pair(parameters, 0); p++)
        by_y[p] = strands_sum(sums->curvature[p]);
    for (int j = 0; j < parameters; j++)
        for (int f = 0; f < count; f++) {
            half[j][f] = 0;
            for (int k = 0; k < parameters; k++)
                half[j][f] += by_y[j > k ? fit_pair(j, k) : fit_pair(k, j)] * objective->axes[k][f];
        }
    for (int f = 0; f < count; f++)
        for (int g = 0; g <= f; g++) {
            hessian[f * count + g] = 0;
            for (int j = 0; j < parameters; j++)
                hessian[f * count + g] += objective->axes[j][f] * half[j][g];
        }
}

double fit_value(const void *weighted, const double *x, double *gradient, double *hessian) {
    const struct fit_objective *objective = ((const struct fit_weighted *)weighted)->objective;
    const double *weights = ((const struct fit_weighted *)weighted)->weights;
    const struct fit_law *law = objective->law;
    double y[FIT_PARAMETERS_MAX], inner[FIT_BLOCK], outer[FIT_BLOCK];
    struct fit_block block;
    struct sums sums;
    memset(sums.value, 0, sizeof sums.value);
    memset(sums.slope, 0, (size_t)law->parameter_count * sizeof *sums.slope);
    memset(sums.curvature, 0, (size_t)fit_pair(law->parameter_count, 0) * sizeof *sums.curvature);
    fit_y_of(objective, x, y);
    for (size_t first = 0; first < objective->padded; first += FIT_BLOCK) {
        const size_t left = objective->padded - first, count = left < FIT_BLOCK ? left : FIT_BLOCK;
        const double *columns[FIT_COLUMNS_MAX];
        for (int c = 0; c < law->column_count; c++)
            columns[c] = objective->columns[c] + first;
        law->evaluate(law, columns, y, count, gradient != NULL, &block);
        huber_sum(&block, objective->log_losses + first, (weights ? weights : objective->weights) + first,
                  objective->delta, count, inner, outer, sums.value);
        if (gradient)
            slope_sum(&block, law->parameter_count, count, outer, &sums);
        if (hessian)
            curvature_sum(&block, law->parameter_count, count, inner, outer, &sums);
    }
    if (gradient)
        derivatives_scale(objective, &sums, gradient, hessian);
    return strands_sum(sums.value);
}

size_t fit_start_count(const struct fit_objective *objective) {
    size_t count = 1;
    for (int f = 0; f < objective->free_count; f++)
        count *= (size_t)objective->law->parameters[objective->free[f]].start_count;
    return count;
}

void fit_start(const struct fit_objective *objective, size_t start, double *x) {
    for (int f = 0; f < objective->free_count; f++) {
        const struct fit_parameter *parameter = &objective->law->parameters[objective->free[f]];
        x[f] = parameter->starts[start % (size_t)parameter->start_count] / parameter->scale;
        start /= (size_t)parameter->start_count;
    }
}
