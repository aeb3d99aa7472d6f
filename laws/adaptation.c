#include "laws/adaptation.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { TREES = 300, FOLDS = 5, LABELS_LEAST = 2 * FOLDS };

int adaptation_score(double base_loss, const struct loss_curve *finetuned, double d_max, struct adaptation *adaptation,
                     struct error *error) {
    if (transfer_check_curve(finetuned, "finetuned", error) != 0)
        return -1;
    if (!isfinite(base_loss))
        return error_set(error, ERROR_INPUT, "finetuned curve: the loss before finetuning is not finite");
    if (!(d_max > 0 && d_max <= finetuned->tokens[finetuned->count - 1]))
        return error_set(error, ERROR_INPUT, "finetuned curve: ends at %g tokens, not at or behind %g",
                         finetuned->tokens[finetuned->count - 1], d_max);
    double area = 0, tokens = 0, loss = base_loss; /* area under the gain up to tokens, where the loss is loss */
    for (size_t i = 0; tokens < d_max; i++) {
        double next_tokens = finetuned->tokens[i], next_loss = finetuned->losses[i];
        if (next_tokens > d_max) {
            next_loss = loss + (d_max - tokens) / (next_tokens - tokens) * (next_loss - loss);
            next_tokens = d_max;
        }
        area += (next_tokens - tokens) * (base_loss - (loss + next_loss) / 2);
        tokens = next_tokens;
        loss = next_loss;
    }
    *adaptation = (struct adaptation){area / d_max, loss - base_loss};
    return 0;
}

/* z-scores of those values [n] that are known. */
static void standardise(size_t n, const double *values, double *scores) {
    double sum = 0, squares = 0;
    size_t known = 0;
    for (size_t i = 0; i < n; i++)
        if (!isnan(values[i])) {
            sum += values[i];
            known++;
        }
    const double mean = sum / (double)known;
    for (size_t i = 0; i < n; i++)
        if (!isnan(values[i]))
            squares += (values[i] - mean) * (values[i] - mean);
    const double deviation = sqrt(squares / (double)known);
    for (size_t i = 0; i < n; i++) {
        scores[i] = values[i] - mean;
        if (deviation > 1e-12 * fabs(mean)) /* else the rounding of the mean would pass for variation */
            scores[i] /= deviation;
        else if (!isnan(values[i]))
            scores[i] = 0;
    }
}

int adaptation_features(size_t n, const double *gains, const double *deviations, double *features,
                        struct error *error) {
    double *gain = malloc(2 * n * sizeof *gain + 1);
    if (!gain)
        return error_set(error, ERROR_FAILED, "no memory for the features of %zu languages", n);
    double *deviation = gain + n;
    standardise(n, gains, gain);
    for (size_t t = 0; t < n; t++) {
        standardise(n, deviations + t * n, deviation);
        for (size_t s = 0; s < n; s++, features += ADAPTATION_FEATURES) {
            features[0] = gain[s];
            features[1] = gain[t];
            features[2] = gain[s] - gain[t];
            features[3] = deviation[s];
        }
    }
    free(gain);
    return 0;
}

static bool has_features(const double *features) {
    for (int f = 0; f < ADAPTATION_FEATURES; f++)
        if (!isfinite(features[f]))
            return false;
    return true;
}

/* Learns from table, whose quality it measures, and foretells. */
static int learn_and_foretell(const struct forest_table *table, size_t n, double *scores, enum transfer_state *states,
                              const double *features, uint64_t seed, struct completion *completion,
                              struct error *error) {
    const struct forest_settings settings = {TREES, seed};
    double *predictions = malloc(table->count * sizeof *predictions);
    if (!predictions)
        return error_set(error, ERROR_FAILED, "no memory for %zu transfer scores", table->count);
    const int result = forest_validate(table, &settings, FOLDS, predictions, &completion->quality, error);
    free(predictions);
    struct forest *forest = result == 0 ? forest_grow(table, &settings, error) : NULL;
    if (!forest)
        return -1;
    for (size_t i = 0; i < n * n; i++) {
        const double *x = features + i * ADAPTATION_FEATURES;
        if (states[i] != TRANSFER_MISSING || i / n == i % n || !has_features(x))
            continue;
        scores[i] = forest_predict(forest, x);
        states[i] = TRANSFER_PREDICTED;
        completion->predicted++;
    }
    forest_free(forest);
    return 0;
}

int adaptation_complete(size_t n, double *scores, enum transfer_state *states, const double *features, uint64_t seed,
                        struct completion *completion, struct error *error) {
    double *x = malloc(n * n * (ADAPTATION_FEATURES + 1) * sizeof *x + 1);
    if (!x)
        return error_set(error, ERROR_FAILED, "no memory for the scores of %zu languages", n);
    double *y = x + n * n * ADAPTATION_FEATURES;
    struct forest_table table = {0, ADAPTATION_FEATURES, x, y};
    for (size_t i = 0; i < n * n; i++) {
        const double *row = features + i * ADAPTATION_FEATURES;
        if (states[i] != TRANSFER_MEASURED || i / n == i % n || !has_features(row))
            continue;
        memcpy(x + table.count * ADAPTATION_FEATURES, row, ADAPTATION_FEATURES * sizeof *x);
        y[table.count++] = scores[i];
    }
    *completion = (struct completion){.labels = table.count};
    int result;
    if (table.count < LABELS_LEAST)
        result = error_set(error, ERROR_INPUT, "%zu measured pairs with finetuned runs of both languages; at least %d",
                           table.count, LABELS_LEAST);
    else
        result = learn_and_foretell(&table, n, scores, states, features, seed, completion, error);
    free(x);
    return result;
}
