#include "laws/capacity.h"
#include "laws/law_table.h"
#include "laws/term_sum.h"

#include <math.h>

enum {
    LINF = CAPACITY_LINF,
    A = CAPACITY_A,
    B = CAPACITY_B,
    ALPHA = CAPACITY_ALPHA,
    BETA = CAPACITY_BETA,
    PHI = CAPACITY_PHI,
    PSI = CAPACITY_PSI
};
enum { COLUMN_N, COLUMN_D, COLUMN_K_SIZE, COLUMN_K_DATA, COLUMNS }; /* K stands twice: phi and psi both centre on it */

static const struct term_sum TERMS = {3,
                                      {{1, {{LINF, TERM_ONE}}},
                                       {3, {{A, TERM_ONE}, {ALPHA, COLUMN_N}, {PHI, COLUMN_K_SIZE}}},
                                       {3, {{B, TERM_ONE}, {BETA, COLUMN_D}, {PSI, COLUMN_K_DATA}}}}};

int capacity_law(const struct capacity_table *table, struct fit_law *law, double **room, struct error *error) {
    const struct law_column columns[COLUMNS] = {{"N", table->N, 3, -1, ALPHA, 1U << A},
                                                {"D", table->D, 3, -1, BETA, 1U << B},
                                                {"K", table->K, 2, 1, PHI, 1U << A},
                                                {"K", table->K, 2, 1, PSI, 1U << B}};
    *law = (struct fit_law){.name = "capacity",
                            .parameter_count = CAPACITY_PARAMETERS,
                            .parameters = {law_constant("Linf"), law_term("A"), law_term("B"), law_exponent("alpha"),
                                           law_exponent("beta"), law_shift("phi"), law_shift("psi")},
                            .constants = &TERMS,
                            .evaluate = term_sum_evaluate};
    return law_table_lay(table->count, table->L, columns, COLUMNS, law, room, error);
}

struct capacity_multiplier capacity_multiply(const double *parameters, double r) {
    const double size = parameters[PHI] / parameters[ALPHA], data = parameters[PSI] / parameters[BETA];
    return (struct capacity_multiplier){pow(r, size), pow(r, 1 + data), pow(r, 1 + size + data)};
}

/* r^phi w_N s^-alpha + r^psi w_D t^-beta = 1: the loss above Linf stays as it is. At a compute-optimal point the shares
 * of size and data in it are w_N = beta / (alpha + beta) and w_D = alpha / (alpha + beta). */
static double size_share(const double *parameters, double r) {
    return pow(r, parameters[PHI]) * parameters[BETA] / (parameters[ALPHA] + parameters[BETA]);
}

double capacity_data_factor(const double *parameters, double r, double size) {
    const double left = 1 - size_share(parameters, r) * pow(size, -parameters[ALPHA]);
    const double data = pow(r, parameters[PSI]) * parameters[ALPHA] / (parameters[ALPHA] + parameters[BETA]);
    return left > 0 ? pow(data / left, 1 / parameters[BETA]) : NAN;
}

double capacity_least_size(const double *parameters, double r) {
    return pow(size_share(parameters, r), 1 / parameters[ALPHA]);
}
