/* The nearest minimum of a smooth function of a few parameters: L-BFGS (liblbfgs) from afar, then damped Newton steps
 * until the gradient is zero to rounding. Inside of laws/ only.
 *
 * The functions are sums of Huber losses of log residuals. Their second derivatives jump where a residual crosses
 * delta, and near the minimum only few points lie within delta: quasi-Newton methods stop short there, exact Hessians
 * do not. The parameters should be scaled so that a step of 1 matters about as much in each of them. */
#ifndef SWEEP_LAWS_MINIMISE_H
#define SWEEP_LAWS_MINIMISE_H

#include <stdbool.h>

enum { MINIMISE_PARAMETERS_MAX = 16 };

struct objective {
    int parameters; /* P, at most MINIMISE_PARAMETERS_MAX */
    /* The value at x [P]; where not NULL, gradient [P] and the lower triangle of hessian [P, P] are filled. An x that
     * is out of reach has an infinite value or none (NaN). Called by several threads at once. */
    double (*value)(const void *data, const double *x, double *gradient, double *hessian);
    const void *data;
};

struct minimum {
    double value, x[MINIMISE_PARAMETERS_MAX];
    bool settled; /* the gradient is zero to rounding; false: the search was given up */
};

/* What earlier searches have found. A search that comes as near to a known minimum as `near` in each variable and in
 * value (relative) ends there: it would only walk the last steps again. One that has taken so many Newton steps is
 * given up. */
struct experience {
    int count;
    const struct minimum *minima;
    double near;
    int steps;
};

enum { MINIMISE_STEPS = 200 }; /* well-posed fits take 10 to 150; more would only follow an endless valley */

/* From x of a start to a minimum. `experience` may be NULL. Fails only for want of memory. GSL's error handler must be
 * off.
 */
int minimise(const struct objective *objective, const struct experience *experience, struct minimum *minimum);

/* The same without L-BFGS, for starts that are near. */
int minimise_near(const struct objective *objective, const struct experience *experience, struct minimum *minimum);

#endif
