/* The derivatives of a law, as the fitting engine sums them, against finite differences. */
#ifndef SWEEP_TESTS_FIT_DERIVATIVES_H
#define SWEEP_TESTS_FIT_DERIVATIVES_H

#include "laws/fit_internal.h"
#include "tests/test.h"

#include <math.h>

/* Gradient and Hessian of the objective at x, in scaled variables: with residuals on both sides of a large delta, then
 * with nearly all outside. Differences of sums of Huber losses are good to a few units of 1e-7 of what they are of, and
 * of delta where that is larger. */
static inline void assert_derivatives(const struct fit_law *law, const double *x) {
    enum { P = FIT_PARAMETERS_MAX };
    const double h = 1e-6, bound = 1e-6;
    for (int pass = 0; pass < 2; pass++) {
        struct fit_objective objective;
        assert_int_equal(fit_objective_make(law, pass ? 1e-3 : 0.05, NULL, law->count, &objective, NULL), 0);
        const struct fit_weighted weighted = {&objective, NULL};
        double gradient[P], hessian[P * P], up[P], down[P], nearby[P];
        const int count = objective.free_count;
        const double value = fit_value(&weighted, x, gradient, hessian);
        assert_true(value > 0 && isfinite(value));
        for (int i = 0; i < count; i++) {
            memcpy(nearby, x, (size_t)count * sizeof *x);
            nearby[i] = x[i] + h;
            const double above = fit_value(&weighted, nearby, up, NULL);
            nearby[i] = x[i] - h;
            const double slope = (above - fit_value(&weighted, nearby, down, NULL)) / (2 * h);
            if (!(fabs(slope - gradient[i]) <= bound * (fabs(gradient[i]) + objective.delta)))
                fail_msg("%s, slope %d: %.12g, not %.12g", law->name, i, gradient[i], slope);
            for (int j = 0; j < count; j++) {
                const double bend = (up[j] - down[j]) / (2 * h);
                const double second = hessian[i > j ? i * count + j : j * count + i];
                if (!(fabs(bend - second) <= bound * (fabs(second) + objective.delta)))
                    fail_msg("%s, curvature %d by %d: %.12g, not %.12g", law->name, i, j, second, bend);
            }
        }
        free(objective.room);
    }
}

#endif
