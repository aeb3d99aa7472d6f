/* What laws have in common that are sums of powers of columns: checks of a table, columns of logarithms, scales, and
 * the grid of starts of Hoffmann et al. Inside of laws/ only. */
#ifndef SWEEP_LAWS_LAW_TABLE_H
#define SWEEP_LAWS_LAW_TABLE_H

#include "laws/fit.h"

/* A column of a table that a law reads; its logarithm is taken. */
struct law_column {
    const char *name; /* "N" */
    const double *values;
    size_t distinct_least; /* distinct values that are needed */
    double sign;           /* of the logarithm: -1 for N and D, as laws fall with them */
    int exponent;          /* the parameter that multiplies it, FIT_PARAMETERS_MAX: none */
    unsigned terms;        /* bit j: it is a factor in the term of parameter j */
};

enum { LAW_POINTS_LEAST = 8 };

/* Fills count, losses and columns of a law: column c is sign * ln of values, in *room, which the caller frees. Sets the
 * scale of each exponent (1 / deviation of the column), the offset of each term's parameter (mean of ln L) and its
 * links (minus the mean of each column). The other fields of the law stand already. Refuses what is not positive and
 * finite, fewer than 8 points, and too few distinct values. */
int law_table_lay(size_t count, const double *losses, const struct law_column *columns, int column_count,
                  struct fit_law *law, double **room, struct error *error);

/* Parameters of a law with the grid of Hoffmann et al.: exponents from 0 to 2, and the terms E, A, B as shares of the
 * loss at the centre of the table. */
struct fit_parameter law_term(const char *name);     /* A and B: from e^-5 to e^0 */
struct fit_parameter law_constant(const char *name); /* E: from e^-2 to e^0 */
struct fit_parameter law_exponent(const char *name);

/* An exponent that is small and may be zero, like phi of the capacity law: one start, 0, and determined when it is
 * known to 0.5. */
struct fit_parameter law_shift(const char *name);

#endif
