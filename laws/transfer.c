#include "laws/transfer.h"

#include <math.h>

int transfer_check_curve(const struct loss_curve *curve, const char *name, struct error *error) {
    if (curve->count == 0)
        return error_set(error, ERROR_INPUT, "%s curve: no evaluations", name);
    for (size_t i = 0; i < curve->count; i++) {
        if (!(curve->tokens[i] > (i ? curve->tokens[i - 1] : 0)) || !isfinite(curve->tokens[i]))
            return error_set(error, ERROR_INPUT,
                             "%s curve, evaluation %zu: %g tokens; tokens must be positive and ascend", name, i + 1,
                             curve->tokens[i]);
        if (!isfinite(curve->losses[i]))
            return error_set(error, ERROR_INPUT, "%s curve, evaluation %zu: the loss is not finite", name, i + 1);
    }
    return 0;
}

int curve_loss_at(const struct loss_curve *curve, double d, double *loss, struct error *error) {
    const double *tokens = curve->tokens, *losses = curve->losses;
    if (curve->count == 0)
        return error_set(error, ERROR_INPUT, "no evaluations to read a loss from");
    if (!(d >= tokens[0] && d <= tokens[curve->count - 1]))
        return error_set(error, ERROR_INPUT, "%g reference tokens: the curve has evaluations from %g to %g tokens only",
                         d, tokens[0], tokens[curve->count - 1]);
    size_t i = 0;
    while (tokens[i] < d)
        i++;
    *loss = losses[i];
    if (tokens[i] > d) {
        const double part = log(d / tokens[i - 1]) / log(tokens[i] / tokens[i - 1]);
        *loss = losses[i - 1] + part * (losses[i] - losses[i - 1]);
    }
    return 0;
}

bool curve_first_reach(const struct loss_curve *curve, double loss, double *tokens) {
    size_t i = 0;
    while (i < curve->count && !(curve->losses[i] <= loss))
        i++;
    if (i == curve->count)
        return false;
    *tokens = curve->tokens[i];
    if (i > 0 && curve->losses[i] < loss) {
        const double part = (curve->losses[i - 1] - loss) / (curve->losses[i - 1] - curve->losses[i]);
        *tokens = curve->tokens[i - 1] * pow(curve->tokens[i] / curve->tokens[i - 1], part);
    }
    return true;
}

int transfer_bts(const struct loss_curve *monolingual, const struct loss_curve *bilingual, double d,
                 struct transfer_score *score, struct error *error) {
    if (transfer_check_curve(monolingual, "monolingual", error) ||
        transfer_check_curve(bilingual, "bilingual", error) ||
        curve_loss_at(monolingual, d, &score->reference_loss, error))
        return -1;
    score->bound = !curve_first_reach(bilingual, score->reference_loss, &score->sigma);
    if (score->bound)
        score->sigma = bilingual->tokens[bilingual->count - 1];
    score->bts = -(score->sigma - 2 * d) / d;
    return 0;
}

bool transfer_bts_over_tokens(const struct loss_curve *monolingual, const struct loss_curve *bilingual, double d,
                              double constant_tokens, struct transfer_score *score) {
    return d <= constant_tokens / 3 && transfer_bts(monolingual, bilingual, d, score, NULL) == 0 && !score->bound &&
           score->sigma > bilingual->tokens[0];
}
