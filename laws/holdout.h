/* How well laws fit, and what they say of points that their fit has not seen. Five ways to choose those, as the study
 * (arXiv 2510.22037) has them:
 *   random   a fifth of the points
 *   N, D, C  the largest sizes, token counts, or compute 6 N D: whole values, from the largest down, that together are
 *            at most a fifth of the points; the largest value at least
 *   M        every mixture that is neither monolingual, bilingual nor Unimax
 * and `fit`, which holds nothing out: the points of the fit itself. */
#ifndef SWEEP_LAWS_HOLDOUT_H
#define SWEEP_LAWS_HOLDOUT_H

#include "laws/atlas.h"

#include <stdint.h>

enum holdout { HOLDOUT_NONE, HOLDOUT_RANDOM, HOLDOUT_N, HOLDOUT_D, HOLDOUT_C, HOLDOUT_M, HOLDOUTS };

/* "fit", "random", "N", "D", "C", "M" */
extern const char *const holdout_names[HOLDOUTS];

/* Copies the rows of table to rows [count]: *fitted to fit, then *held held out, each part in the order of the table.
 * Both are 0 when a choice would hold out nothing, or everything. seed: of the random choice. Fails only for want of
 * memory.
 */
int holdout_split(const struct mixture_table *table, enum holdout holdout, uint64_t seed, struct observation *rows,
                  size_t *fitted, size_t *held, struct error *error);

/* The laws that are compared: the Chinchilla and the multilingual one, which see all of D (the latter with the target's
 * own share as that of its family), the data-constrained one, which sees the tokens of the target and the unique ones
 * among them, and the variants of ATLAS. */
enum compared_law {
    COMPARED_CHINCHILLA,
    COMPARED_DATA_CONSTRAINED,
    COMPARED_MULTILINGUAL,
    COMPARED_ATLAS_TARGET,
    COMPARED_ATLAS_OTHER,
    COMPARED_ATLAS_TRANSFER,
    COMPARED_LAWS,
};
extern const char *const compared_law_names[COMPARED_LAWS]; /* of ATLAS that of the variant */

/* R2 of the losses, 1 - residual sum of squares / total sum of squares around their own mean; NaN: there is nothing to
 * hold out, or the rest cannot be fitted, as by the data-constrained law when nothing in it is repeated. */
struct comparison {
    double r2[COMPARED_LAWS][HOLDOUTS];
};

/* Fits each law to what each hold-out leaves, and asks it for the rest. Fails only for want of memory. */
int holdout_compare(const struct mixture_table *table, double delta, uint64_t seed, struct comparison *comparison,
                    struct error *error);

/* Fills mean with the averages over targets, of each number over those targets that have it. */
void holdout_average(const struct comparison *comparisons, size_t count, struct comparison *mean);

#endif
