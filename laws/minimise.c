#include "laws/minimise.h"

#include <gsl/gsl_eigen.h>
#include <lbfgs.h>
#include <math.h>
#include <string.h>

enum {
    LBFGS_ITERATIONS = 30, /* Newton is faster from there on */
    LBFGS_MEMORY = 8,
    P_MAX = MINIMISE_PARAMETERS_MAX,
};

/* Damping is in units of the largest curvature along an axis. */
static const double DAMPING_LEAST = 1e-6, DAMPING_MOST = 1e6, DAMPING_FACTOR = 8;

/* Below this share of the value a decrease drowns in rounding. */
static const double ROUNDING = 1e-13;

struct point {
    double value;
    double x[P_MAX];
    double gradient[P_MAX];
    double hessian[P_MAX * P_MAX]; /* [P, P], lower triangle */
};

/* The Hessian of a point, by its eigenvectors where it is not positive. */
struct curvature {
    double largest; /* absolute value on the diagonal */
    bool solved;    /* values and vectors are there */
    double values[P_MAX];
    double vectors[P_MAX * P_MAX]; /* [P, P], one a column */
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

/* Solves (H + damping) step = gradient by Cholesky; false: that matrix is not safely positive. */
static bool solve_positive(const struct point *point, int parameters, double damping, double largest, double *step) {
    double lower[P_MAX * P_MAX]; /* the Hessian, which becomes its factor */
    memcpy(lower, point->hessian, (size_t)(parameters * parameters) * sizeof *lower);
    memcpy(step, point->gradient, (size_t)parameters * sizeof *step);
    for (int i = 0; i < parameters; i++) {
        double *row = lower + i * parameters;
        row[i] += damping;
        for (int j = 0; j < i; j++) {
            for (int k = 0; k < j; k++)
                row[j] -= row[k] * lower[j * parameters + k];
            row[j] /= lower[j * parameters + j];
            row[i] -= row[j] * row[j];
            step[i] -= row[j] * step[j];
        }
        if (!(row[i] > 1e-13 * largest))
            return false;
        row[i] = sqrt(row[i]);
        step[i] /= row[i];
    }
    for (int i = parameters - 1; i >= 0; i--) {
        for (int k = i + 1; k < parameters; k++)
            step[i] -= lower[k * parameters + i] * step[k];
        step[i] /= lower[i * parameters + i];
    }
    return true;
}

/* The same along each eigenvector, by the absolute value of its curvature, so that saddles are left. */
static void solve_absolute(const struct point *point, int parameters, double damping,
                           gsl_eigen_symmv_workspace *workspace, struct curvature *curvature, double *step) {
    const size_t count = (size_t)parameters;
    if (!curvature->solved) {
        double hessian[P_MAX * P_MAX]; /* destroyed by the solver */
        memcpy(hessian, point->hessian, count * count * sizeof *hessian);
        gsl_matrix_view matrix = gsl_matrix_view_array(hessian, count, count);
        gsl_matrix_view vectors = gsl_matrix_view_array(curvature->vectors, count, count);
        gsl_vector_view values = gsl_vector_view_array(curvature->values, count);
        gsl_eigen_symmv(&matrix.matrix, &values.vector, &vectors.matrix, workspace);
        curvature->solved = true;
    }
    memset(step, 0, count * sizeof *step);
    for (int k = 0; k < parameters; k++) {
        double slope = 0;
        for (int i = 0; i < parameters; i++)
            slope += curvature->vectors[i * parameters + k] * point->gradient[i];
        const double bend = fmax(fabs(curvature->values[k]), 1e-15 * curvature->largest) + damping;
        for (int i = 0; i < parameters; i++)
            step[i] += curvature->vectors[i * parameters + k] * slope / bend;
    }
}

/* Steps from point to a lower one: as long as the value can tell, by the value, and at the very end by the gradient.
 * Comparisons are written so that values that are not numbers are refused. */
static bool newton_descend(const struct objective *objective, gsl_eigen_symmv_workspace *workspace, double *damping,
                           struct point *point) {
    const int parameters = objective->parameters;
    struct curvature curvature = {.solved = false};
    struct point trial;
    double step[P_MAX];
    for (int i = 0; i < parameters; i++)
        curvature.largest = fmax(curvature.largest, fabs(point->hessian[i * parameters + i]));
    for (; *damping < DAMPING_MOST; *damping = fmax(DAMPING_LEAST, *damping * DAMPING_FACTOR)) {
        const double added = *damping * curvature.largest;
        if (!solve_positive(point, parameters, added, curvature.largest, step))
            solve_absolute(point, parameters, added, workspace, &curvature, step);
        double decrease = 0; /* that the quadratic model promises */
        for (int i = 0; i < parameters; i++) {
            trial.x[i] = point->x[i] - step[i];
            decrease += point->gradient[i] * step[i] / 2;
        }
        const bool level = decrease <= ROUNDING * point->value;
        point_evaluate(objective, &trial);
        if (level ? gradient_norm(&trial, parameters) < gradient_norm(point, parameters) : trial.value < point->value) {
            *damping = *damping > DAMPING_LEAST ? *damping / DAMPING_FACTOR : 0;
            *point = trial;
            return true;
        }
        if (level)
            return false;
    }
    return false;
}

/* The known minimum that a point is next to; NULL: none. */
static const struct minimum *find_near(const struct experience *experience, const struct point *point, int parameters) {
    for (int m = 0; experience && m < experience->count; m++) {
        const struct minimum *minimum = &experience->minima[m];
        bool near = fabs(point->value - minimum->value) <= experience->near * minimum->value;
        for (int i = 0; i < parameters && near; i++)
            near = fabs(point->x[i] - minimum->x[i]) <= experience->near;
        if (near)
            return minimum;
    }
    return NULL;
}

static void newton(const struct objective *objective, const struct experience *experience,
                   gsl_eigen_symmv_workspace *workspace, struct minimum *minimum) {
    struct point point;
    double damping = 0;
    const int steps = experience ? experience->steps : MINIMISE_STEPS;
    const size_t size = (size_t)objective->parameters * sizeof *point.x;
    memcpy(point.x, minimum->x, size);
    point_evaluate(objective, &point);
    minimum->settled = false;
    for (int i = 0; i < steps && isfinite(point.value) && !minimum->settled; i++) {
        const struct minimum *near = find_near(experience, &point, objective->parameters);
        if (near) {
            *minimum = *near;
            return;
        }
        minimum->settled = !newton_descend(objective, workspace, &damping, &point);
    }
    memcpy(minimum->x, point.x, size);
    minimum->value = point.value;
}

int minimise_near(const struct objective *objective, const struct experience *experience, struct minimum *minimum) {
    gsl_eigen_symmv_workspace *workspace = gsl_eigen_symmv_alloc((size_t)objective->parameters);
    if (!workspace)
        return -1;
    newton(objective, experience, workspace, minimum);
    gsl_eigen_symmv_free(workspace);
    return 0;
}

static double lbfgs_value(void *instance, const double *x, double *gradient, const int parameters, const double step) {
    const struct objective *objective = instance;
    (void)parameters, (void)step;
    return objective->value(objective->data, x, gradient, NULL);
}

int minimise(const struct objective *objective, const struct experience *experience, struct minimum *minimum) {
    double *aligned = lbfgs_malloc(objective->parameters); /* liblbfgs asks for its own alignment and padding */
    if (!aligned)
        return -1;
    lbfgs_parameter_t settings;
    lbfgs_parameter_init(&settings);
    settings.m = LBFGS_MEMORY;
    settings.epsilon = 0;
    settings.max_iterations = LBFGS_ITERATIONS;
    settings.linesearch = LBFGS_LINESEARCH_BACKTRACKING_WOLFE; /* steps back from infinite values */
    memcpy(aligned, minimum->x, (size_t)objective->parameters * sizeof *aligned);
    /* How it ended is of no interest: it leaves its last good point, and Newton goes on from there. */
    const int ended = lbfgs(objective->parameters, aligned, NULL, lbfgs_value, NULL, (void *)objective, &settings);
    memcpy(minimum->x, aligned, (size_t)objective->parameters * sizeof *aligned);
    lbfgs_free(aligned);
    return ended == LBFGSERR_OUTOFMEMORY ? -1 : minimise_near(objective, experience, minimum);
}
