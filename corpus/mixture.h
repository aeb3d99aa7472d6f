/* How a run divides its tokens among languages. Pure functions of what the languages have. */
#ifndef SWEEP_CORPUS_MIXTURE_H
#define SWEEP_CORPUS_MIXTURE_H

#include "base/error.h"

#include <stdint.h>

enum mixture_kind {
    MIXTURE_WEIGHTS,     /* as given */
    MIXTURE_TEMPERATURE, /* proportional to tokens^(1/T): T = 1 as they are, T to infinity even */
    MIXTURE_UNIMAX,      /* as evenly as possible, no language more than so many epochs (Chung et al. 2023) */
};

struct mixture_rule {
    enum mixture_kind kind;
    double value; /* T, or the epochs */
};

/* weights [count] of languages that have tokens [count] of training text (> 0) for a run of budget tokens; their sum
 * is 1. given [count]: the weights; for Unimax shares of the budget that are fixed, 0: none.
 *
 * Unimax goes through the languages from the smallest: each gets an even part of what is left, but at most its epochs,
 * and what it cannot take is left to the larger ones. Fails when all languages together cannot take the budget. Fixed
 * shares leave something to one language at least. The bits do not depend on anything but the arguments. */
int mixture_weights(const struct mixture_rule *rule, const uint64_t *tokens, uint32_t count, double budget,
                    const double *given, double *weights, struct error *error);

#endif
