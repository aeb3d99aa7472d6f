/* Laws that are sums of powers, L = sum over terms of exp(sum of parameters times columns): Chinchilla, multilingual
 * and capacity. One evaluation for all of them. */
#ifndef SWEEP_LAWS_TERM_SUM_H
#define SWEEP_LAWS_TERM_SUM_H

#include "laws/fit.h"

enum { TERMS_MAX = 3, TERM_FACTORS_MAX = 4, TERM_ONE = -1 };

/* y[parameter] * column; TERM_ONE for a column of ones. */
struct term_factor {
    int parameter, column;
};
struct term {
    int factor_count;
    struct term_factor factors[TERM_FACTORS_MAX];
};
struct term_sum {
    int term_count;
    struct term terms[TERMS_MAX];
};

/* The evaluate of a law whose constants are a struct term_sum. */
void term_sum_evaluate(const struct fit_law *law, const double *const *columns, const double *y, size_t count,
                       bool derivatives, struct fit_block *block);

#endif
