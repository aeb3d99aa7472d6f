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

/* One crossover among those of several sizes. */
struct crossover_point {
    double N, tokens; /* parameters and D_x, positive */
    size_t language;  /* number of the language */
};

/* C = a N^b, C = 6 N D_x in FLOP: in logarithms a straight line (laws/line.h), b being common to all languages. */
struct crossover_law {
    size_t points;
    double a, b;             /* a: geometric mean over the languages */
    double a_error, b_error; /* of a to first order */
    double residual, r2;     /* of ln C */
};

/* Languages are numbered below `languages`. Fails with fewer points than languages that have one + 2, or without a
 * language of two sizes. */
int crossover_fit(size_t count, const struct crossover_point *points, size_t languages, struct crossover_law *law,
                  struct error *error);

#endif
