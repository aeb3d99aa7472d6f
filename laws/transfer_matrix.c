#include "laws/transfer_matrix.h"

#include "base/random.h"

#include <math.h>
#include <omp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static bool has_score(size_t n, const double *scores, size_t target, size_t source) {
    return target != source && isfinite(scores[target * n + source]);
}

size_t transfer_count_pairs(size_t n, const double *scores) {
    size_t pairs = 0;
    for (size_t t = 0; t < n; t++)
        for (size_t s = 0; s < n; s++)
            pairs += has_score(n, scores, t, s);
    return pairs;
}

/* Sums over both orders of a pair: the means of s -> t and t -> s are equal, and so are their variances. */
double transfer_symmetry(size_t n, const double *scores) {
    double sum = 0, squares = 0, products = 0, least = INFINITY, most = -INFINITY;
    size_t pairs = 0;
    for (size_t t = 0; t < n; t++)
        for (size_t s = 0; s < n; s++)
            if (has_score(n, scores, t, s) && has_score(n, scores, s, t)) {
                sum += scores[t * n + s];
                least = fmin(least, scores[t * n + s]);
                most = fmax(most, scores[t * n + s]);
                pairs++;
            }
    const double mean = sum / (double)pairs;
    for (size_t t = 0; t < n; t++)
        for (size_t s = 0; s < n; s++)
            if (has_score(n, scores, t, s) && has_score(n, scores, s, t)) {
                const double there = scores[t * n + s] - mean, back = scores[s * n + t] - mean;
                squares += there * there;
                products += there * back;
            }
    return pairs >= 4 && least < most ? products / squares : NAN;
}

void transfer_best_sources(size_t n, const double *scores, size_t *counts) {
    memset(counts, 0, n * sizeof *counts);
    for (size_t t = 0; t < n; t++)
        for (size_t s = 0; s < n; s++) {
            if (!has_score(n, scores, t, s))
                continue;
            size_t better = 0;
            for (size_t other = 0; other < n; other++)
                if (other != s && has_score(n, scores, t, other)) {
                    const double lead = scores[t * n + other] - scores[t * n + s];
                    better += lead > 0 || (lead == 0 && other < s);
                }
            counts[s] += better < TRANSFER_BEST;
        }
}

/* Pairs whose languages both have a group, told apart. */
struct pairs {
    size_t n;
    const double *scores;
    size_t same, different;
    double same_sum, sum; /* of the pairs within groups, and of all */
    double largest;       /* score without its sign */
};

static struct pairs sum_pairs(size_t n, const double *scores, const int *groups) {
    struct pairs pairs = {.n = n, .scores = scores};
    for (size_t t = 0; t < n; t++)
        for (size_t s = 0; s < n; s++) {
            if (groups[t] < 0 || groups[s] < 0 || !has_score(n, scores, t, s))
                continue;
            const double score = scores[t * n + s];
            pairs.sum += score;
            pairs.largest = fmax(pairs.largest, fabs(score));
            if (groups[t] == groups[s]) {
                pairs.same_sum += score;
                pairs.same++;
            } else {
                pairs.different++;
            }
        }
    return pairs;
}

static double difference(const struct pairs *pairs) {
    return pairs->same_sum / (double)pairs->same - (pairs->sum - pairs->same_sum) / (double)pairs->different;
}

/* At least as far from 0 as what was found; equal differences may be summed in another order. */
static bool is_extreme(const struct pairs *shuffled, const struct pairs *found) {
    return fabs(difference(shuffled)) >= fabs(difference(found)) - 1e-12 * found->largest;
}

static double p_value(size_t extreme) {
    return (double)(1 + extreme) / (1 + TRANSFER_PERMUTATIONS);
}

/* The scores of the pairs [same + different] are dealt anew: the first `same` of a shuffle are those within groups. */
static int shuffle_pairs(const struct pairs *found, const double *values, uint64_t key, double *p) {
    const size_t count = found->same + found->different;
    const int threads = omp_get_max_threads();
    double *room = malloc((size_t)threads * count * sizeof *room);
    if (!room)
        return -1;
    size_t extreme = 0;
#pragma omp parallel for num_threads(threads) schedule(static) reduction(+ : extreme)
    for (uint64_t permutation = 0; permutation < TRANSFER_PERMUTATIONS; permutation++) {
        double *dealt = room + (size_t)omp_get_thread_num() * count;
        memcpy(dealt, values, count * sizeof *dealt);
        struct pairs pairs = *found;
        pairs.same_sum = 0;
        for (size_t i = 0; i < found->same; i++) {
            const size_t chosen = i + random_below(count - i, key, permutation, i);
            pairs.same_sum += dealt[chosen];
            dealt[chosen] = dealt[i];
        }
        extreme += is_extreme(&pairs, found);
    }
    free(room);
    *p = p_value(extreme);
    return 0;
}

/* The groups of the languages that have one are dealt anew. */
static int shuffle_languages(const struct pairs *found, const int *groups, uint64_t key, double *p) {
    const size_t n = found->n;
    const int threads = omp_get_max_threads();
    size_t *grouped = calloc(n, sizeof *grouped), count = 0; /* languages that have a group */
    int *room = malloc((size_t)threads * n * sizeof *room);
    if (!grouped || !room) {
        free(grouped);
        free(room);
        return -1;
    }
    for (size_t i = 0; i < n; i++)
        if (groups[i] >= 0)
            grouped[count++] = i;
    size_t extreme = 0;
#pragma omp parallel for num_threads(threads) schedule(static) reduction(+ : extreme)
    for (uint64_t permutation = 0; permutation < TRANSFER_PERMUTATIONS; permutation++) {
        int *dealt = room + (size_t)omp_get_thread_num() * n;
        memcpy(dealt, groups, n * sizeof *dealt);
        for (size_t i = count - 1; i > 0; i--) {
            int *one = &dealt[grouped[i]], *other = &dealt[grouped[random_below(i + 1, key, permutation, i)]];
            const int group = *one;
            *one = *other;
            *other = group;
        }
        const struct pairs pairs = sum_pairs(n, found->scores, dealt);
        extreme += pairs.same > 0 && pairs.different > 0 && is_extreme(&pairs, found);
    }
    free(grouped);
    free(room);
    *p = p_value(extreme);
    return 0;
}

/* The scores of the pairs whose languages both have a group; the caller frees them. NULL: no memory. */
static double *gather_scores(size_t n, const double *scores, const int *groups) {
    double *values = malloc(n * n * sizeof *values + 1);
    size_t count = 0;
    for (size_t t = 0; values && t < n; t++)
        for (size_t s = 0; s < n; s++)
            if (groups[t] >= 0 && groups[s] >= 0 && has_score(n, scores, t, s))
                values[count++] = scores[t * n + s];
    return values;
}

int transfer_group_effect(size_t n, const double *scores, const int *groups, uint64_t seed, struct group_effect *effect,
                          struct error *error) {
    const struct pairs pairs = sum_pairs(n, scores, groups);
    *effect = (struct group_effect){pairs.same, pairs.different, NAN, NAN, NAN, NAN};
    if (pairs.same > 0)
        effect->same_mean = pairs.same_sum / (double)pairs.same;
    if (pairs.different > 0)
        effect->different_mean = (pairs.sum - pairs.same_sum) / (double)pairs.different;
    if (pairs.same == 0 || pairs.different == 0)
        return 0;
    double *values = gather_scores(n, scores, groups);
    int result = 0;
    if (!values || shuffle_pairs(&pairs, values, random_u64(seed, 0, 0), &effect->p_pairs) != 0 ||
        shuffle_languages(&pairs, groups, random_u64(seed, 0, 1), &effect->p_languages) != 0)
        result =
            error_set(error, ERROR_FAILED, "no memory for the permutations of %zu pairs", pairs.same + pairs.different);
    free(values);
    return result;
}
