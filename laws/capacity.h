/* The capacity law, the "curse of multilinguality": what a model loses by learning K languages at once,
 *   L(K, N, D) = Linf + A K^phi / N^alpha + B K^psi / D^beta
 * with D the tokens of the target language, K D tokens in all. phi > 0: each language takes room; psi < 0: the others
 * help, so that fewer tokens of the target are needed. */
#ifndef SWEEP_LAWS_CAPACITY_H
#define SWEEP_LAWS_CAPACITY_H

#include "laws/fit.h"

struct capacity_table {
    size_t count;
    const double *K, *N, *D, *L;
};

enum {
    CAPACITY_LINF,
    CAPACITY_A,
    CAPACITY_B,
    CAPACITY_ALPHA,
    CAPACITY_BETA,
    CAPACITY_PHI,
    CAPACITY_PSI,
    CAPACITY_PARAMETERS
};

/* As chinchilla_law; needs two distinct K. */
int capacity_law(const struct capacity_table *table, struct fit_law *law, double **room, struct error *error);

/* What keeps the loss of every language when K becomes r K: factors on the size, the tokens in all, and the compute. */
struct capacity_multiplier {
    double N, D_total, C;
};
struct capacity_multiplier capacity_multiply(const double *parameters, double r);

/* The iso-loss curve from K to r K: with `size` times the parameters, the factor on the tokens of each language that
 * keeps the loss, beginning at a compute-optimal point. NaN: no amount of data makes up for so small a model. */
double capacity_data_factor(const double *parameters, double r, double size);

/* The least factor on the size for which there is one. */
double capacity_least_size(const double *parameters, double r);

#endif
