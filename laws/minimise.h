/* The nearest minimum of a smooth function of a few parameters: L-BFGS (liblbfgs) from afar, then damped Newton steps
 * until the gradient is zero to rounding. Inside of laws/ only.
 *
 * The functions are sums of Huber losses of log residuals. Their second derivatives jump where a residual crosses
 * delta, and near the minimum only few points lie within delta: quasi-Newton methods stop short there, exact Hessians
 * do not. The parameters should be scaled so that a step of 1 matters about as much in each of them. */
#ifndef SWEEP_LAWS_MINIMISE_H
#define SWEEP_LAWS_MINIMISE_H

enum { MINIMISE_PARAMETERS_MAX = 8 };

struct objective {
    int parameters; /* P, at most MINIMISE_PARAMETERS_MAX */
    /* The value at x [P]; where not NULL, gradient [P] and the lower triangle of hessian [P, P] are filled. An x that
     * is out of reach has an infinite value. Called by several threads at once. */
    double (*value)(const void *data, const double *x, double *gradient, double *hessian);
    const void *data;
};

/* Moves x [P] from a start to a minimum, whose value it stores. Fails only for want of memory. GSL's error handler must
 * be off. */
int minimise(const struct objective *objective, double *x, double *value);

#endif
