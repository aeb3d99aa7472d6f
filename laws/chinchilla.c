#include "laws/chinchilla.h"
#include "laws/law_table.h"
#include "laws/term_sum.h"

enum { E = CHINCHILLA_E, A = CHINCHILLA_A, B = CHINCHILLA_B, ALPHA = CHINCHILLA_ALPHA, BETA = CHINCHILLA_BETA };
enum { COLUMN_N, COLUMN_D, COLUMNS };

/* e^E + e^(A - alpha ln N) + e^(B - beta ln D); the columns hold -ln N and -ln D. */
static const struct term_sum TERMS = {
    3, {{1, {{E, TERM_ONE}}}, {2, {{A, TERM_ONE}, {ALPHA, COLUMN_N}}}, {2, {{B, TERM_ONE}, {BETA, COLUMN_D}}}}};

int chinchilla_law(const struct loss_table *table, struct fit_law *law, double **room, struct error *error) {
    const struct law_column columns[COLUMNS] = {{"N", table->N, 3, -1, ALPHA, 1U << A},
                                                {"D", table->D, 3, -1, BETA, 1U << B}};
    *law = (struct fit_law){
        .name = "Chinchilla",
        .parameter_count = CHINCHILLA_PARAMETERS,
        .parameters = {law_constant("E"), law_term("A"), law_term("B"), law_exponent("alpha"), law_exponent("beta")},
        .constants = &TERMS,
        .evaluate = term_sum_evaluate};
    return law_table_lay(table->count, table->L, columns, COLUMNS, law, room, error);
}
