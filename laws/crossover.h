/* Pretrain or finetune? A model of language t can be trained from scratch, or a multilingual model can be finetuned on
 * t. The finetuned one is ahead at first; the crossover D_x is the token count at which the curve from scratch passes
 * below that of the finetuned run. With fewer tokens than that, finetune. */
#ifndef SWEEP_LAWS_CROSSOVER_H
#define SWEEP_LAWS_CROSSOVER_H

#include "base/error.h"
#include "laws/transfer.h"

#include <stddef.h>

enum crossover_state {
    CROSSOVER_MEASURED,
    CROSSOVER_LATER,   /* not passed where both curves have evaluations: it lies behind `low` */
    CROSSOVER_EARLIER, /* below from their first common evaluation on: it lies before `high` */
};

/* Between evaluations of either curve losses are interpolated against ln tokens. */
struct crossover {
    enum crossover_state state;
    double tokens; /* D_x, the first passing; NaN unless measured */
    /* From the last evaluation before the first passing to the first one from which the curve from scratch stays below:
     * two neighbours, unless noise makes the curves cross more than once. Without end, high is infinite. */
    double low, high;
};

/* Fails for curves that are none, and for those without a common range of tokens. */
int crossover_find(const struct loss_curve *scratch, const struct loss_curve *finetuned, struct crossover *crossover,
                   struct error *error);

/* C = a N^b through crossovers, C = 6 N D_x in FLOP: a straight line in logarithms. a_error: of a, to first order. */
struct crossover_law {
    size_t points;
    double a, b, a_error, b_error;
    double r2; /* of ln C */
};

/* N, tokens [count]: parameters and D_x, positive. Fails with fewer than 3 points, or a single N. */
int crossover_fit(size_t count, const double *N, const double *tokens, struct crossover_law *law, struct error *error);

#endif
