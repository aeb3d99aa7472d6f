#include "laws/multilingual.h"
#include "laws/law_table.h"
#include "laws/term_sum.h"

enum {
    E = MULTILINGUAL_E,
    A = MULTILINGUAL_A,
    B = MULTILINGUAL_B,
    ALPHA = MULTILINGUAL_ALPHA,
    BETA = MULTILINGUAL_BETA,
    GAMMA = MULTILINGUAL_GAMMA
};
enum { COLUMN_N, COLUMN_D, COLUMN_P, COLUMNS };

/* p^-gamma stands in each of the three terms. */
static const struct term_sum TERMS = {3,
                                      {{2, {{E, TERM_ONE}, {GAMMA, COLUMN_P}}},
                                       {3, {{A, TERM_ONE}, {ALPHA, COLUMN_N}, {GAMMA, COLUMN_P}}},
                                       {3, {{B, TERM_ONE}, {BETA, COLUMN_D}, {GAMMA, COLUMN_P}}}}};

int multilingual_law(const struct share_table *table, struct fit_law *law, double **room, struct error *error) {
    const struct law_column columns[COLUMNS] = {{"N", table->N, 3, -1, ALPHA, 1U << A},
                                                {"D", table->D, 3, -1, BETA, 1U << B},
                                                {"p", table->p, 2, -1, GAMMA, 1U << E | 1U << A | 1U << B}};
    for (size_t i = 0; i < table->count; i++)
        if (table->p[i] > 1)
            return error_set(error, ERROR_INPUT, "multilingual fit, row %zu: p is %g; a share is at most 1", i + 1,
                             table->p[i]);
    *law = (struct fit_law){.name = "multilingual",
                            .parameter_count = MULTILINGUAL_PARAMETERS,
                            .parameters = {law_constant("E"), law_term("A"), law_term("B"), law_exponent("alpha"),
                                           law_exponent("beta"), law_shift("gamma")},
                            .constants = &TERMS,
                            .evaluate = term_sum_evaluate};
    return law_table_lay(table->count, table->L, columns, COLUMNS, law, room, error);
}
