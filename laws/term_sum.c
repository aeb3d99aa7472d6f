#include "laws/term_sum.h"
#include "laws/vector_math.h"

/* share [TERMS_MAX][count]: the terms as shares of the law. */
VECTOR_CLONES static void shares_compute(const struct term_sum *sum, const double *const *columns, const double *y,
                                         size_t count, double share[TERMS_MAX][FIT_BLOCK], double *restrict log_loss) {
    double law[FIT_BLOCK];
    for (size_t i = 0; i < count; i++)
        law[i] = 0;
    for (int t = 0; t < sum->term_count; t++) {
        const struct term *term = &sum->terms[t];
        double *exponent = share[t], constant = 0;
        for (int f = 0; f < term->factor_count; f++)
            if (term->factors[f].column == TERM_ONE)
                constant += y[term->factors[f].parameter];
        for (size_t i = 0; i < count; i++)
            exponent[i] = constant;
        for (int f = 0; f < term->factor_count; f++) {
            if (term->factors[f].column == TERM_ONE)
                continue;
            const double factor = y[term->factors[f].parameter], *column = columns[term->factors[f].column];
            for (size_t i = 0; i < count; i++)
                exponent[i] += factor * column[i];
        }
        for (size_t i = 0; i < count; i++) {
            exponent[i] = vector_exp(exponent[i]);
            law[i] += exponent[i];
        }
    }
    for (size_t i = 0; i < count; i++) {
        log_loss[i] = vector_log(law[i]);
        law[i] = 1 / law[i];
    }
    for (int t = 0; t < sum->term_count; t++)
        for (size_t i = 0; i < count; i++)
            share[t][i] *= law[i];
}

/* Adds what one term gives to the slopes and curvatures. */
VECTOR_CLONES static void term_differentiate(const struct term *term, const double *const *columns, const double *share,
                                             size_t count, struct fit_block *block) {
    for (int f = 0; f < term->factor_count; f++) {
        const struct term_factor *outer = &term->factors[f];
        double moment[FIT_BLOCK];
        double *slope = block->slope[outer->parameter];
        for (size_t i = 0; i < count; i++) {
            moment[i] = outer->column == TERM_ONE ? share[i] : share[i] * columns[outer->column][i];
            slope[i] += moment[i];
        }
        for (int g = 0; g <= f; g++) {
            const struct term_factor *inner = &term->factors[g];
            const int larger = inner->parameter > outer->parameter ? inner->parameter : outer->parameter;
            double *curvature = block->curvature[fit_pair(larger, inner->parameter + outer->parameter - larger)];
            for (size_t i = 0; i < count; i++)
                curvature[i] += inner->column == TERM_ONE ? moment[i] : moment[i] * columns[inner->column][i];
        }
    }
}

void term_sum_evaluate(const struct fit_law *law, const double *const *columns, const double *y, size_t count,
                       bool derivatives, struct fit_block *block) {
    const struct term_sum *sum = law->constants;
    double share[TERMS_MAX][FIT_BLOCK];
    shares_compute(sum, columns, y, count, share, block->log_loss);
    if (!derivatives)
        return;
    memset(block->slope, 0, (size_t)law->parameter_count * sizeof *block->slope);
    memset(block->curvature, 0, (size_t)fit_pair(law->parameter_count, 0) * sizeof *block->curvature);
    for (int t = 0; t < sum->term_count; t++)
        term_differentiate(&sum->terms[t], columns, share[t], count, block);
}
