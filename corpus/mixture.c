#include "corpus/mixture.h"

#include "base/elementary.h"

#include <stdlib.h>

static void scale_to_one(double *weights, uint32_t count) {
    double sum = 0;
    for (uint32_t l = 0; l < count; l++)
        sum += weights[l];
    for (uint32_t l = 0; l < count; l++)
        weights[l] /= sum;
}

/* A language that Unimax has to give tokens to. */
struct taker {
    uint64_t tokens;
    uint32_t language;
};

static int compare_takers(const void *left, const void *right) {
    const struct taker *a = left, *b = right;
    if (a->tokens != b->tokens)
        return a->tokens < b->tokens ? -1 : 1;
    return a->language < b->language ? -1 : 1;
}

static int unimax(const uint64_t *tokens, uint32_t count, double budget, double epochs, const double *given,
                  double *weights, struct error *error) {
    struct taker *takers = malloc(count * sizeof *takers);
    if (!takers)
        return error_set(error, ERROR_FAILED, "no memory for a mixture of %u languages", count);
    uint32_t taker_count = 0;
    double left = budget;
    for (uint32_t l = 0; l < count; l++) {
        weights[l] = given[l] * budget;
        left -= weights[l];
        if (given[l] == 0)
            takers[taker_count++] = (struct taker){tokens[l], l};
    }
    const double shared_out = left;
    qsort(takers, taker_count, sizeof *takers, compare_takers);
    for (uint32_t i = 0; i < taker_count; i++) {
        const double even = left / (taker_count - i), most = epochs * (double)takers[i].tokens;
        weights[takers[i].language] = even < most ? even : most;
        left -= weights[takers[i].language];
    }
    free(takers);
    if (left > 1e-9 * budget)
        return error_set(error, ERROR_INPUT,
                         "%g epochs of the languages without a fixed share are %.4g tokens, fewer than the %.4g that "
                         "are theirs; take more epochs, or fewer tokens for a run",
                         epochs, shared_out - left, shared_out);
    scale_to_one(weights, count);
    return 0;
}

int mixture_weights(const struct mixture_rule *rule, const uint64_t *tokens, uint32_t count, double budget,
                    const double *given, double *weights, struct error *error) {
    if (rule->kind == MIXTURE_UNIMAX)
        return unimax(tokens, count, budget, rule->value, given, weights, error);
    for (uint32_t l = 0; l < count; l++)
        weights[l] = rule->kind == MIXTURE_TEMPERATURE ? elementary_exp(elementary_log((double)tokens[l]) / rule->value)
                                                       : given[l];
    if (rule->kind == MIXTURE_TEMPERATURE)
        scale_to_one(weights, count);
    return 0;
}
