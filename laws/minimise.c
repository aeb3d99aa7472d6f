#include "laws/minimise.h"

#include <gsl/gsl_eigen.h>
#include <lbfgs.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

enum {
    LBFGS_ITERATIONS = 50, /* Newton is faster from there on */
    LBFGS_MEMORY = 8,
    NEWTON_ITERATIONS = 200, /* well-posed fits take 10 to 150; more would only follow an endless valley */
};

/* Damping is in units of the largest curvature. */
static const double DAMPING_LEAST = 1e-6, DAMPING_MOST = 1e6, DAMPING_FACTOR = 8;

/* Below this share of the value a decrease drowns in rounding. */
static const double ROUNDING = 1e-13;

struct point {
    double value;
    double x[MINIMISE_PARAMETERS_MAX];
    double gradient[MINIMISE_PARAMETERS_MAX];
    double hessian[MINIMISE_PARAMETERS_MAX * MINIMISE_PARAMETERS_MAX]; /* [P, P], lower triangle */
};

/* The Hessian of a point by its eigenvectors. */
struct curvature {
    double largest;                                                    /* absolute eigenvalue */
    double values[MINIMISE_PARAMETERS_MAX];                            /* [P] */
    double vectors[MINIMISE_PARAMETERS_MAX * MINIMISE_PARAMETERS_MAX]; /* [P, P], one a column */
};

static void point_evaluate(const struct objective *objective, struct point *point) {
    point->value = objective->value(objective->data, point->x, point->gradient, point->hessian);
}

static double gradient_norm(const struct point *point, int parameters) {
    double sum = 0;
    for (int i = 0; i < parameters; i++)
        sum += point->gradient[i] * point->gradient[i];
    return sqrt(sum);
}

static void curvature_compute(const struct point *point, int parameters, gsl_eigen_symmv_workspace *workspace,
                              struct curvature *curvature) {
    const size_t count = (size_t)parameters;
    double hessian[MINIMISE_PARAMETERS_MAX * MINIMISE_PARAMETERS_MAX]; /* destroyed by the solver */
    memcpy(hessian, point->hessian, count * count * sizeof *hessian);
    gsl_matrix_view matrix = gsl_matrix_view_array(hessian, count, count);
    gsl_matrix_view vectors = gsl_matrix_view_array(curvature->vectors, count, count);
    gsl_vector_view values = gsl_vector_view_array(curvature->values, count);
    gsl_eigen_symmv(&matrix.matrix, &values.vector, &vectors.matrix, workspace);
    curvature->largest = 0;
    for (int k = 0; k < parameters; k++)
        curvature->largest = fmax(curvature->largest, fabs(curvature->values[k]));
}

/* Sets x to one step from a point: downhill along each eigenvector, by the absolute value of its curvature, so that
 * saddles are left. Returns the decrease that the quadratic model promises. */
static double newton_step(const struct point *point, int parameters, const struct curvature *curvature, double damping,
                          double *x) {
    double decrease = 0;
    memcpy(x, point->x, (size_t)parameters * sizeof *x);
    for (int k = 0; k < parameters; k++) {
        double slope = 0;
        for (int i = 0; i < parameters; i++)
            slope += curvature->vectors[i * parameters + k] * point->gradient[i];
        const double bend = fmax(fabs(curvature->values[k]), 1e-15 * curvature->largest) + damping * curvature->largest;
        for (int i = 0; i < parameters; i++)
            x[i] -= curvature->vectors[i * parameters + k] * slope / bend;
        decrease += slope * slope / bend / 2;
    }
    return decrease;
}

/* Steps from point to a lower one: as long as the value can tell, by the value, and at the very end by the gradient.
 * Comparisons are written so that values that are not numbers are refused. */
static bool newton_descend(const struct objective *objective, const struct curvature *curvature, double *damping,
                           struct point *point) {
    struct point trial;
    for (; *damping < DAMPING_MOST; *damping = fmax(DAMPING_LEAST, *damping * DAMPING_FACTOR)) {
        const double decrease = newton_step(point, objective->parameters, curvature, *damping, trial.x);
        const bool level = decrease <= ROUNDING * point->value;
        point_evaluate(objective, &trial);
        if (level ? gradient_norm(&trial, objective->parameters) < gradient_norm(point, objective->parameters)
                  : trial.value < point->value) {
            *damping = *damping > DAMPING_LEAST ? *damping / DAMPING_FACTOR : 0;
            *point = trial;
            return true;
        }
        if (level)
            return false;
    }
    return false;
}

static double newton_polish(const struct objective *objective, double *x, gsl_eigen_symmv_workspace *workspace) {
    struct point point;
    struct curvature curvature;
    double damping = 0;
    const size_t size = (size_t)objective->parameters * sizeof *x;
    memcpy(point.x, x, size);
    point_evaluate(objective, &point);
    for (int i = 0; i < NEWTON_ITERATIONS && isfinite(point.value); i++) {
        curvature_compute(&point, objective->parameters, workspace, &curvature);
        if (!newton_descend(objective, &curvature, &damping, &point))
            break;
    }
    memcpy(x, point.x, size);
    return point.value;
}

static double lbfgs_value(void *instance, const double *x, double *gradient, const int parameters, const double step) {
    const struct objective *objective = instance;
    (void)parameters, (void)step;
    return objective->value(objective->data, x, gradient, NULL);
}

int minimise(const struct objective *objective, double *x, double *value) {
    int status = -1;
    gsl_eigen_symmv_workspace *workspace = gsl_eigen_symmv_alloc((size_t)objective->parameters);
    double *aligned = lbfgs_malloc(objective->parameters); /* liblbfgs asks for its own alignment and padding */
    if (workspace && aligned) {
        lbfgs_parameter_t settings;
        lbfgs_parameter_init(&settings);
        settings.m = LBFGS_MEMORY;
        settings.epsilon = 0;
        settings.max_iterations = LBFGS_ITERATIONS;
        settings.linesearch = LBFGS_LINESEARCH_BACKTRACKING_WOLFE; /* steps back from infinite values */
        memcpy(aligned, x, (size_t)objective->parameters * sizeof *x);
        /* How it ended is of no interest: it leaves its last good point, and Newton goes on from there. */
        if (lbfgs(objective->parameters, aligned, NULL, lbfgs_value, NULL, (void *)objective, &settings) !=
            LBFGSERR_OUTOFMEMORY) {
            *value = newton_polish(objective, aligned, workspace);
            memcpy(x, aligned, (size_t)objective->parameters * sizeof *x);
            status = 0;
        }
    }
    lbfgs_free(aligned);
    gsl_eigen_symmv_free(workspace);
    return status;
}
