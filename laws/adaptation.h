/* What finetuning a multilingual model on one language does to all languages, and what that says about transfer.
 *
 * Finetuning adaptation score: a multilingual (Unimax) model with loss L_t(0) on the test set of t is trained on source
 * s alone and has the loss L_st(d) after d more tokens: FAS(s -> t) = (1/d_max) integral from 0 to d_max of (L_t(0) -
 * L_st(d)) dd        [nats per token] the mean gain over the finetuning: > 0 it helped t, < 0 t was forgotten.
 *
 * Far fewer runs give all FAS (one a language) than all bilingual scores (one a pair), and a forest that has learned
 * their relation from measured pairs foretells the scores of the others. */
#ifndef SWEEP_LAWS_ADAPTATION_H
#define SWEEP_LAWS_ADAPTATION_H

#include "base/error.h"
#include "laws/forest.h"
#include "laws/transfer.h"

#include <stddef.h>
#include <stdint.h>

struct adaptation {
    double score;     /* FAS */
    double deviation; /* L_st(d_max) - L_t(0) */
};

/* base_loss: L_t(0). finetuned: L_st, in tokens of finetuning. Between evaluations, and from d = 0 to the first, the
 * loss is linear in d (0 has no logarithm). Fails when the curve is none or ends before d_max. */
int adaptation_score(double base_loss, const struct loss_curve *finetuned, double d_max, struct adaptation *adaptation,
                     struct error *error);

/* The features of a pair. Matrices [n, n] have a row a target and a column a source. */
enum { ADAPTATION_FEATURES = 4 };

/* gains [n]: FAS(l -> l). deviations [n, n]. Writes features [n, n, 4]: the gain of the source, the gain of the target,
 * both z-scored over the languages, the first minus the second, and the deviation, z-scored over the sources of its
 * target. What is unknown is NaN, and so are the features made from it; what does not vary has z-score 0. Fails only
 * for want of memory. */
int adaptation_features(size_t n, const double *gains, const double *deviations, double *features, struct error *error);

enum transfer_state { TRANSFER_MISSING, TRANSFER_MEASURED, TRANSFER_BOUND, TRANSFER_PREDICTED };

struct completion {
    size_t labels, predicted;      /* pairs learned from, pairs foretold */
    struct forest_quality quality; /* by 5-fold cross-validation */
};

/* Fills a matrix of bilingual scores [n, n] with its states: a forest of 300 trees learns from the measured pairs that
 * have features and foretells the missing ones that have. Bounds stay what they are, and the diagonal is left alone.
 * Fails, saying why, with fewer than 10 pairs to learn from. */
int adaptation_complete(size_t n, double *scores, enum transfer_state *states, const double *features, uint64_t seed,
                        struct completion *completion, struct error *error);

#endif
