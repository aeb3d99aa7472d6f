/* Statistics of a matrix of transfer scores [n, n]: row t, column s hold the score of source s for target t, NaN where
 * there is none; the diagonal is not looked at. Bounds are no scores: leave them out. What cannot be said of a matrix,
 * such as the mean of nothing, is NaN. */
#ifndef SWEEP_LAWS_TRANSFER_MATRIX_H
#define SWEEP_LAWS_TRANSFER_MATRIX_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

enum { TRANSFER_PERMUTATIONS = 10000, TRANSFER_BEST = 5 };

/* How many pairs have a score. */
size_t transfer_count_pairs(size_t n, const double *scores);

/* Pearson correlation of s -> t with t -> s, over all pairs that have both; each enters in both orders, so that the
 * order of the languages does not matter. NaN with fewer than two such couples of languages, or
 * when all scores are equal. */
double transfer_symmetry(size_t n, const double *scores);

/* In counts [n]: for how many targets a language is among the five best sources. Of equal scores the language that
 * comes first is the better one. */
void transfer_best_sources(size_t n, const double *scores, size_t *counts);

/* Do pairs within a group, of one script or one family, transfer better than pairs across groups? Two-sided permutation
 * tests of the difference of the means; p = (1 + permutations at least as extreme) / (1 + permutations). */
struct group_effect {
    size_t same_pairs, different_pairs;
    double same_mean, different_mean;
    double p_pairs;     /* scores shuffled over all pairs, as if these were independent */
    double p_languages; /* groups shuffled over the languages: pairs that share a language stay together */
};

/* groups [n]: number of the group of each language; negative: not known, its pairs are left out. Fails only for want of
 * memory. The same seed gives the same numbers on any number of threads. */
int transfer_group_effect(size_t n, const double *scores, const int *groups, uint64_t seed, struct group_effect *effect,
                          struct error *error);

#endif
