/* ATLAS, the adaptive transfer scaling law (arXiv 2510.22037): the loss on a target language t of models trained on
 * mixtures of languages,
 *
 *   L = E + A / N^alpha + B / D_eff^beta
 *   D_eff = S(D_t; U_t) + sum over K_t of tau_i S(D_i; U_i) + tau_other S(D_other; U_other)
 *   S(D; U) = D for D <= U, else U (1 + (1 - exp(-lambda (D / U - 1))) / lambda)
 *
 * D_i: tokens seen of language i; U_i: tokens that the corpus has of it, what is seen beyond them is repetition. K_t:
 * the sources, the languages with the most tokens over all observations of t. D_other: all tokens that are neither of t
 * nor of K_t; U_other: the unique tokens of those of them that the run saw. A table comes in that names each run's
 * tokens by language, a law for one target goes out. */
#ifndef SWEEP_LAWS_ATLAS_H
#define SWEEP_LAWS_ATLAS_H

#include "laws/fit.h"

enum training_kind { TRAINED_MONOLINGUAL, TRAINED_BILINGUAL, TRAINED_UNIMAX, TRAINED_MIXTURE };

/* A loss on the target. Observations of one run may point to the same shares. */
struct observation {
    double N;            /* parameters */
    double D;            /* tokens seen, of all languages */
    double L;            /* loss on the target, nats per token */
    const double *share; /* [languages]: of D; that of the target is positive */
    enum training_kind kind;
};

/* The observations of one target: models that saw none of it have no D_t and no place here. */
struct mixture_table {
    size_t count;
    const struct observation *rows;
    const uint64_t *runs; /* as in struct fit_law, or NULL */
    size_t languages;
    const char *const *names; /* [languages] */
    size_t target;            /* < languages */
    const double *unique;     /* [languages], tokens; INFINITY: more than any run saw, or not known */
};

/* What the law sees beside the target itself: nothing, all else as one, or its sources and all else. */
enum atlas_variant { ATLAS_TARGET, ATLAS_OTHER, ATLAS_TRANSFER, ATLAS_VARIANTS };

/* "target", "other", "transfer" */
extern const char *const atlas_variant_names[ATLAS_VARIANTS];

enum { ATLAS_SOURCES_MAX = 3 };

/* K_t. */
struct atlas_sources {
    size_t count;
    size_t languages[ATLAS_SOURCES_MAX]; /* most tokens first */
};

/* Chooses K_t: fewer than three where the runs saw fewer languages; of equals the first. */
void atlas_choose_sources(const struct mixture_table *table, struct atlas_sources *sources);

/* The parameters of a law, in this order; then a tau for each source. The target variant ends with lambda, the other
 * one with tau_other. */
enum { ATLAS_E, ATLAS_A, ATLAS_B, ATLAS_ALPHA, ATLAS_BETA, ATLAS_LAMBDA, ATLAS_TAU_OTHER, ATLAS_TAU };

/* Lays a variant of the law over a table. Fails when a value is not positive and finite, saying which. The table, but
 * for its runs, may be freed before the law; *room is freed by the caller after it. sources: of the transfer variant.
 */
int atlas_law_make(const struct mixture_table *table, enum atlas_variant variant, const struct atlas_sources *sources,
                   struct fit_law *law, double **room, struct error *error);

/* Fits what atlas_law_make made. What no point speaks of is undetermined and stands at a neutral value: a tau whose
 * languages have no tokens at 0, lambda without repeated tokens at 1. Fails as fit_law does, and with fewer than three
 * distinct N or D_t. */
int atlas_fit(const struct fit_law *law, const struct fit_options *options, struct fit *fit, struct error *error);

#endif
