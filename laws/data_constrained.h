/* The data-constrained law (Muennighoff et al. 2023, arXiv 2305.16264): tokens that are repeated, and parameters beyond
 * what the unique tokens can use, are worth less and less,
 *   L = E + A / N'^alpha + B / D'^beta
 *   D' = U_D + U_D RD (1 - e^(-R_D / RD)),  U_D = min(U, D),  R_D = D / U_D - 1
 *   N' = U_N + U_N RN (1 - e^(-R_N / RN)),  U_N = min(N, G (U G)^(beta / alpha)),  R_N = N / U_N - 1
 *   G = (alpha A / (beta B))^(1 / (alpha + beta))
 * U: unique tokens. RD and RN (the paper's R_D*, R_N*) are the repetitions after which most of the worth is gone.
 *
 * Fitted in two stages, as published: E A B alpha beta by the Chinchilla law from the points that repeat nothing
 * (D <= U, N <= U_N), then RD and RN from all points with the first five held. */
#ifndef SWEEP_LAWS_DATA_CONSTRAINED_H
#define SWEEP_LAWS_DATA_CONSTRAINED_H

#include "laws/fit.h"

struct repeated_table {
    size_t count;
    const double *N, *D, *U, *L;
    const uint64_t *runs; /* as in struct fit_law, or NULL */
};

enum {
    REPEATED_E,
    REPEATED_A,
    REPEATED_B,
    REPEATED_ALPHA,
    REPEATED_BETA,
    REPEATED_RD,
    REPEATED_RN,
    REPEATED_PARAMETERS
};

/* Lays the second stage over a table: all seven parameters, U_N by the first five of `first`, which are held. Fails
 * when a value is not positive and finite, or when no point repeats anything. The table must outlive the law; the
 * caller frees *room. */
int data_constrained_law(const struct repeated_table *table, const double *first, struct fit_law *law, double **room,
                         struct error *error);

/* Both stages. held [7]: values of parameters that are held, NaN for those to fit; the first stage is left out when it
 * has none to fit. The fit is that of the second stage, to all points; basins likewise. Its uncertainty is that of RD
 * and RN with the first five as they are; those have the uncertainty of the first stage. law is filled for names and
 * holds; what it points to is gone. */
int data_constrained_fit(const struct repeated_table *table, const double *held, const struct fit_options *options,
                         struct fit_law *law, struct fit *fit, struct error *error);

#endif
