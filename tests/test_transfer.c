/* laws/: lines, the forest, finetuning adaptation scores, statistics of transfer matrices, crossovers. */
#include "base/random.h"
#include "laws/adaptation.h"
#include "laws/crossover.h"
#include "laws/forest.h"
#include "laws/line.h"
#include "laws/transfer_matrix.h"
#include "tests/test.h"

#include <math.h>
#include <omp.h>
#include <stdbool.h>

static void assert_near(double value, double expected, double difference) {
    if (!(fabs(value - expected) <= difference))
        fail_msg("%.17g is not %.17g to %g", value, expected, difference);
}

static void assert_refused(int result, const struct error *error, const char *reason) {
    assert_int_equal(result, -1);
    assert_int_equal(error->code, ERROR_INPUT);
    if (!strstr(error->message, reason))
        fail_msg("\"%s\" does not say \"%s\"", error->message, reason);
}

/* --- lines --- */

static void line_is_that_of_a_calculation_by_hand(void **state) {
    (void)state;
    const struct line_point points[] = {{0, 1, 0}, {1, 3, 0}, {2, 4, 0}}; /* residuals -1/6, 1/3, -1/6 */
    struct line line;
    struct error error = {0};
    assert_int_equal(line_fit(3, points, 1, &line, &error), 0);
    assert_true(line.points == 3 && line.groups == 1);
    assert_near(line.slope, 1.5, 1e-14);
    assert_near(line.intercept, 7.0 / 6, 1e-14);
    assert_near(line.slope_error, sqrt(1.0 / 12), 1e-14);
    assert_near(line.intercept_error, sqrt(5.0 / 36), 1e-14);
    assert_near(line.r2, 27.0 / 28, 1e-14);
}

static void groups_have_one_slope_and_levels_of_their_own(void **state) {
    (void)state; /* y = 10 - x in group 0, y = 20 - x in group 2: a line through all would rise */
    const struct line_point points[] = {{1, 9, 0}, {2, 8, 0}, {11, 9, 2}, {12, 8.5, 2}, {13, 7, 2}};
    struct line line;
    struct error error = {0};
    assert_int_equal(line_fit(5, points, 4, &line, &error), 0);
    assert_int_equal(line.groups, 2);
    /* deviations: x -.5 .5 -1 0 1, y .5 -.5 (5 2 -7)/6: xx 2.5, xy -2.5, yy .5 + 78/36, residual 1/6 of 2 left */
    assert_near(line.slope, -1, 1e-14);
    assert_near(line.intercept, (10 + 12 + 49.0 / 6) / 2, 1e-13);
    assert_near(line.residual, 1.0 / 6, 1e-14);
    assert_near(line.slope_error, sqrt(1.0 / 12 / 2.5), 1e-14);
    assert_near(line.intercept_error, (12 + 49.0 / 6 - 10) / 2, 1e-13); /* two levels, far apart */
    assert_near(line.r2, 1 - 1.0 / 6 / (0.5 + 78.0 / 36), 1e-14);
    assert_refused(line_fit(3, points + 1, 4, &line, &error), &error, "3 points in groups");
}

static void groups_that_disagree_widen_the_error_of_the_slope(void **state) {
    (void)state; /* slopes 1 and 3: residuals 1 0 -1 and -1 0 1 of slope 2, so the points alone would say sqrt(1 / 3) */
    const struct line_point points[] = {{0, 0, 0}, {1, 1, 0}, {2, 2, 0}, {0, 0, 1}, {1, 3, 1}, {2, 6, 1}};
    struct line line;
    assert_int_equal(line_fit(6, points, 2, &line, NULL), 0);
    assert_near(line.slope, 2, 1e-14);
    assert_near(line.slope_error, 1, 1e-14);
    assert_near(line.intercept, 0, 1e-14);
    assert_near(line.intercept_error, 1, 1e-14); /* levels -1 and 1; the points alone would say sqrt(5 / 9) */
}

static void line_without_two_places_is_refused(void **state) {
    (void)state;
    const struct line_point same[] = {{.1, 1, 0}, {.1, 2, 0}, {.1, 3, 0}}, flat[] = {{1, 2, 0}, {2, 2, 0}, {3, 2, 0}},
                            hole[] = {{1, 1, 0}, {2, NAN, 0}, {3, 2, 0}};
    struct line line;
    struct error error = {0};
    assert_refused(line_fit(2, flat, 1, &line, &error), &error, "2 points");
    assert_refused(line_fit(0, flat, 1, &line, &error), &error, "0 points");
    assert_refused(line_fit(3, same, 1, &line, &error), &error, "lie at one place");
    assert_refused(line_fit(3, hole, 1, &line, &error), &error, "point 2");
    assert_int_equal(line_fit(3, flat, 1, &line, &error), 0);
    assert_true(line.slope == 0 && line.intercept == 2 && isnan(line.r2));
}

/* --- the forest --- */

enum { ROWS = 300, FEATURES = 3 };
static const struct forest_settings SETTINGS = {300, 1};

struct rows {
    double x[ROWS * FEATURES], y[ROWS], predictions[ROWS];
};

/* y = sin(6 x0) + [x1 > 0.5]; x2 says nothing. signal 0: y is noise. */
static struct forest_table known_function(struct rows *rows, double signal, double noise) {
    for (size_t i = 0; i < ROWS; i++) {
        double *x = rows->x + i * FEATURES;
        for (size_t f = 0; f < FEATURES; f++)
            x[f] = random_uniform(5, f, i);
        rows->y[i] = signal * (sin(6 * x[0]) + (x[1] > 0.5)) + noise * random_normal(6, 0, i);
    }
    return (struct forest_table){ROWS, FEATURES, rows->x, rows->y};
}

static struct forest *grow(const struct forest_table *table, const struct forest_settings *settings) {
    struct error error = {0};
    struct forest *forest = forest_grow(table, settings, &error);
    if (!forest)
        fail_msg("%s", error.message);
    return forest;
}

static void forest_learns_a_known_function(void **state) {
    (void)state;
    struct rows rows;
    const struct forest_table table = known_function(&rows, 1, 0.05);
    struct forest_quality quality;
    struct error error = {0};
    assert_int_equal(forest_validate(&table, &SETTINGS, 5, rows.predictions, &quality, &error), 0);
    print_message("# known function: R2 %.4f, Spearman %.4f\n", quality.r2, quality.spearman);
    assert_true(quality.r2 > 0.95 && quality.r2 < 1);
    assert_true(quality.spearman > 0.95 && quality.spearman < 1);
    struct forest *forest = grow(&table, &SETTINGS);
    const double low[] = {0.25, 0.2, 0.9}, high[] = {0.25, 0.8, 0.1};
    assert_near(forest_predict(forest, low), sin(1.5), 0.1);
    assert_near(forest_predict(forest, high), sin(1.5) + 1, 0.1);
    forest_free(forest);
}

static void forest_finds_nothing_in_noise(void **state) {
    (void)state;
    struct rows rows;
    const struct forest_table table = known_function(&rows, 0, 1);
    struct forest_quality quality;
    assert_int_equal(forest_validate(&table, &SETTINGS, 5, rows.predictions, &quality, NULL), 0);
    assert_true(quality.r2 < 0.1 && quality.r2 > -0.5);
    assert_true(fabs(quality.spearman) < 0.2);
}

static void trees_grow_until_their_leaves_are_pure(void **state) {
    (void)state; /* so a tree knows the rows of its sample, 63 % of all, to the last bit of noise */
    struct rows rows;
    const struct forest_table table = known_function(&rows, 1, 1);
    struct forest *tree = grow(&table, &(struct forest_settings){1, 7});
    size_t exact = 0;
    for (size_t i = 0; i < ROWS; i++)
        exact += forest_predict(tree, rows.x + i * FEATURES) == rows.y[i];
    assert_true(exact > ROWS * 55 / 100 && exact < ROWS * 72 / 100);
    forest_free(tree);
}

static void stump_splits_in_the_middle(void **state) {
    (void)state; /* two rows: a tree with both in its sample is one split at 2, a tree with one of them is a leaf */
    const double x[] = {1, 3}, y[] = {10, 20};
    const struct forest_table table = {2, 1, x, y};
    struct forest *forest = grow(&table, &(struct forest_settings){4000, 3});
    const double left = 2, right = nextafter(2, 3);
    /* a half of the trees splits, a quarter says 10 and a quarter 20 */
    assert_near(forest_predict(forest, &left), 12.5, 0.25);
    assert_near(forest_predict(forest, &right), 17.5, 0.25);
    forest_free(forest);
}

static void forest_does_not_depend_on_threads_but_on_its_seed(void **state) {
    (void)state;
    struct rows rows;
    const struct forest_table table = known_function(&rows, 1, 0.2);
    const int threads = omp_get_max_threads();
    const double x[] = {0.3, 0.6, 0.5};
    double values[3];
    for (int i = 0; i < 3; i++) {
        omp_set_num_threads(i == 1 ? 3 : 1);
        struct forest *forest = grow(&table, &(struct forest_settings){50, i == 2 ? 2 : 1});
        values[i] = forest_predict(forest, x);
        forest_free(forest);
    }
    omp_set_num_threads(threads);
    assert_true(values[0] == values[1]);
    assert_true(values[0] != values[2]);
}

static void forest_takes_constant_columns_and_refuses_holes(void **state) {
    (void)state;
    double x[] = {1, 1, 1, 1}, y[] = {2, 4, 6, 8}, predictions[4];
    struct forest_table table = {4, 1, x, y};
    struct forest *forest = grow(&table, &(struct forest_settings){2000, 1});
    assert_near(forest_predict(forest, x), 5, 0.2); /* nothing to split by: the mean */
    forest_free(forest);
    struct forest_quality quality;
    struct error error = {0};
    assert_refused(forest_validate(&table, &SETTINGS, 5, predictions, &quality, &error), &error, "4 rows");
    x[2] = NAN;
    assert_null(forest_grow(&table, &SETTINGS, &error));
    assert_non_null(strstr(error.message, "row 3"));
    table.count = 0;
    assert_null(forest_grow(&table, &SETTINGS, &error));
}

/* --- finetuning adaptation scores --- */

static void adaptation_is_the_mean_gain(void **state) {
    (void)state;
    const double tokens[] = {10, 20, 40}, losses[] = {3, 2, 2};
    const struct loss_curve curve = {3, tokens, losses};
    struct adaptation adaptation;
    struct error error = {0};
    assert_int_equal(adaptation_score(4, &curve, 30, &adaptation, &error), 0); /* areas 5 + 15 + 20 */
    assert_near(adaptation.score, 40.0 / 30, 1e-14);
    assert_near(adaptation.deviation, -2, 1e-14);
    assert_int_equal(adaptation_score(4, &curve, 15, &adaptation, &error), 0); /* 5 + 6.25 */
    assert_near(adaptation.score, 0.75, 1e-14);
    assert_near(adaptation.deviation, -1.5, 1e-14);
    assert_int_equal(adaptation_score(2, &curve, 10, &adaptation, &error), 0); /* it was forgotten */
    assert_near(adaptation.score, -0.5, 1e-14);
    assert_int_equal(adaptation_score(4, &curve, 40, &adaptation, &error), 0);
    assert_refused(adaptation_score(4, &curve, 41, &adaptation, &error), &error, "ends at 40 tokens");
    assert_refused(adaptation_score(NAN, &curve, 40, &adaptation, &error), &error, "before finetuning");
    assert_refused(adaptation_score(4, &(struct loss_curve){0}, 40, &adaptation, &error), &error, "no evaluations");
}

static void features_are_scores_of_their_columns(void **state) {
    (void)state;
    const double gains[] = {1, 3, NAN};
    const double deviations[] = {0, 2, 4, 5, 5, 5, NAN, 1, NAN};
    double features[3 * 3 * ADAPTATION_FEATURES];
    assert_int_equal(adaptation_features(3, gains, deviations, features, NULL), 0);
    const double *first = features + 1 * ADAPTATION_FEATURES; /* target 0, source 1 */
    assert_near(first[0], 1, 1e-14);
    assert_near(first[1], -1, 1e-14);
    assert_near(first[2], 2, 1e-14);
    assert_near(first[3], 0, 1e-14);
    assert_near(features[2 * ADAPTATION_FEATURES + 3], sqrt(1.5), 1e-14);
    assert_true(isnan(features[2 * ADAPTATION_FEATURES + 0])); /* source 2 has no gain */
    for (int s = 0; s < 3; s++)                                /* target 1 does not vary */
        assert_true(features[(3 + s) * ADAPTATION_FEATURES + 3] == 0);
    assert_true(isnan(features[6 * ADAPTATION_FEATURES + 3]));
    assert_true(features[7 * ADAPTATION_FEATURES + 3] == 0);
}

enum { LANGUAGES = 8, CELLS = LANGUAGES * LANGUAGES };

/* Scores that follow from the features: gain of the source minus that of the target. */
static void known_adaptation(double *scores, enum transfer_state *states, double *features) {
    double gains[LANGUAGES], deviations[CELLS];
    for (size_t i = 0; i < LANGUAGES; i++)
        gains[i] = random_uniform(8, 0, i);
    for (size_t i = 0; i < CELLS; i++)
        deviations[i] = random_uniform(8, 1, i);
    assert_int_equal(adaptation_features(LANGUAGES, gains, deviations, features, NULL), 0);
    for (size_t i = 0; i < CELLS; i++) {
        scores[i] = gains[i % LANGUAGES] - gains[i / LANGUAGES];
        states[i] = i % 4 ? TRANSFER_MEASURED : TRANSFER_MISSING;
    }
}

static void missing_scores_are_foretold_from_measured_ones(void **state) {
    (void)state;
    double scores[CELLS], known[CELLS], features[CELLS * ADAPTATION_FEATURES];
    enum transfer_state states[CELLS];
    known_adaptation(scores, states, features);
    memcpy(known, scores, sizeof known);
    scores[1] = -9; /* a bound teaches nothing, and stays */
    states[1] = TRANSFER_BOUND;
    for (size_t i = 0; i < CELLS; i++)
        if (states[i] == TRANSFER_MISSING)
            scores[i] = NAN;
    features[4 * ADAPTATION_FEATURES] = NAN; /* nothing can be said of 4 -> 0 */
    struct completion completion;
    struct error error = {0};
    assert_int_equal(adaptation_complete(LANGUAGES, scores, states, features, 1, &completion, &error), 0);
    size_t labels = 0, predicted = 0;
    for (size_t i = 0; i < CELLS; i++) {
        if (i / LANGUAGES == i % LANGUAGES)
            continue;
        labels += states[i] == TRANSFER_MEASURED;
        predicted += states[i] == TRANSFER_PREDICTED;
        if (states[i] == TRANSFER_MEASURED)
            assert_true(scores[i] == known[i]);
        else if (states[i] == TRANSFER_PREDICTED)
            assert_near(scores[i], known[i], 0.4);
    }
    assert_int_equal(completion.labels, labels);
    assert_int_equal(completion.predicted, predicted);
    assert_true(predicted > 8);
    assert_true(completion.quality.r2 > 0.6 && completion.quality.spearman > 0.7);
    assert_true(states[1] == TRANSFER_BOUND && scores[1] == -9);
    assert_true(states[4] == TRANSFER_MISSING && isnan(scores[4]));
    assert_true(states[0] == TRANSFER_MISSING); /* the diagonal */
}

static void too_few_scores_foretell_nothing(void **state) {
    (void)state;
    double scores[CELLS], features[CELLS * ADAPTATION_FEATURES];
    enum transfer_state states[CELLS] = {TRANSFER_MISSING};
    known_adaptation(scores, states, features);
    for (size_t i = 10; i < CELLS; i++)
        states[i] = TRANSFER_MISSING;
    struct completion completion;
    struct error error = {0};
    assert_refused(adaptation_complete(LANGUAGES, scores, states, features, 1, &completion, &error), &error,
                   "6 measured pairs");
    assert_int_equal(states[12], TRANSFER_MISSING);
}

/* --- statistics of a matrix --- */

static void statistics_are_those_of_a_calculation_by_hand(void **state) {
    (void)state;
    const double matrix[] = {9, 1, 2, /* the diagonal is no score */
                             3, 9, NAN, /**/ 4, 6, 9};
    const int groups[] = {0, 0, 1}, unknown[] = {0, 0, -1};
    assert_int_equal(transfer_count_pairs(3, matrix), 5);
    /* 1 and 3, 2 and 4 in both orders; mean 2.5: products -0.75 - 0.75 twice over squares 2.25 + .25 + .25 + 2.25 */
    assert_near(transfer_symmetry(3, matrix), -3.0 / 5, 1e-14);
    struct group_effect effect;
    assert_int_equal(transfer_group_effect(3, matrix, groups, 1, &effect, NULL), 0);
    assert_int_equal(effect.same_pairs, 2);
    assert_int_equal(effect.different_pairs, 3);
    assert_near(effect.same_mean, 2, 1e-14);
    assert_near(effect.different_mean, 4, 1e-14);
    /* 10 ways to choose two of the five scores, of which only 1 + 2, 1 + 3, 4 + 6 and 3 + 6 are as far apart */
    assert_near(effect.p_pairs, 0.4, 0.02);
    assert_near(effect.p_languages, 2.0 / 3, 0.02); /* the lonely language is 0, 1 or 2: differences 3.5, -0.33, -2 */
    assert_int_equal(transfer_group_effect(3, matrix, unknown, 1, &effect, NULL), 0);
    assert_int_equal(effect.same_pairs, 2);
    assert_true(effect.same_mean == 2 && isnan(effect.different_mean) && isnan(effect.p_pairs));
}

static void what_a_matrix_does_not_say_is_not_a_number(void **state) {
    (void)state;
    const double one[] = {0.5}, two[] = {NAN, 1, NAN, NAN}, same[] = {0, .1, .1, .1, 0, .1, .1, .1, 0};
    const int groups[] = {0, 0, 1};
    struct group_effect effect;
    assert_int_equal(transfer_count_pairs(1, one), 0);
    assert_true(isnan(transfer_symmetry(1, one)));
    assert_true(isnan(transfer_symmetry(2, two)));
    assert_true(isnan(transfer_symmetry(3, same)));
    assert_int_equal(transfer_group_effect(1, one, groups, 1, &effect, NULL), 0);
    assert_true(isnan(effect.same_mean) && isnan(effect.different_mean));
    assert_true(isnan(effect.p_pairs) && isnan(effect.p_languages));
    assert_int_equal(transfer_group_effect(3, same, groups, 1, &effect, NULL), 0);
    assert_true(effect.p_pairs == 1 && effect.p_languages == 1);
}

static void five_best_sources_are_counted(void **state) {
    (void)state;
    enum { N = 8 };
    double matrix[N * N];
    for (int t = 0; t < N; t++)
        for (int s = 0; s < N; s++)
            matrix[t * N + s] = t == 0 ? 1 : s; /* target 0 has nothing but equals */
    matrix[7 * N + 6] = NAN;
    size_t counts[N];
    transfer_best_sources(N, matrix, counts);
    /* target 0: 1 2 3 4 5; 1: 3-7; 2: 3-7; 3: 2 4-7; 4: 2 3 5-7; 5: 2-4 6 7; 6: 2-5 7; 7: 1-5 */
    const size_t expected[N] = {0, 2, 6, 7, 7, 7, 5, 6};
    size_t sum = 0;
    for (int i = 0; i < N; i++)
        sum += counts[i];
    assert_int_equal(sum, 5 * N);
    for (int i = 0; i < N; i++)
        assert_int_equal(counts[i], expected[i]);
}

/* Scores of noise, and a bonus for pairs within a group. */
static struct group_effect effect_in_noise(uint64_t seed, double bonus) {
    enum { N = 8 };
    double matrix[N * N];
    int groups[N];
    for (size_t i = 0; i < N; i++)
        groups[i] = (int)(random_permute(i, N, seed) % 2);
    for (size_t i = 0; i < N * N; i++)
        matrix[i] = random_normal(seed, 0, i) + (groups[i / N] == groups[i % N] ? bonus : 0);
    struct group_effect effect;
    assert_int_equal(transfer_group_effect(N, matrix, groups, seed, &effect, NULL), 0);
    return effect;
}

static void p_values_of_shuffled_labels_are_uniform(void **state) {
    (void)state;
    enum { TABLES = 60 };
    double pairs = 0, languages = 0;
    int small = 0;
    for (uint64_t seed = 0; seed < TABLES; seed++) {
        const struct group_effect effect = effect_in_noise(seed, 0);
        assert_true(effect.p_pairs > 0 && effect.p_pairs <= 1 && effect.p_languages > 0 && effect.p_languages <= 1);
        pairs += effect.p_pairs / TABLES;
        languages += effect.p_languages / TABLES;
        small += effect.p_pairs < 0.2;
    }
    print_message("# mean p %.3f over pairs, %.3f over languages, %d of %d below 0.2\n", pairs, languages, small,
                  TABLES);
    assert_near(pairs, 0.5, 0.15); /* 4 standard deviations of the mean of 60 */
    assert_near(languages, 0.5, 0.15);
    assert_true(small >= 2 && small <= 25);
}

static void strong_effects_have_small_p_values(void **state) {
    (void)state;
    const int threads = omp_get_max_threads();
    omp_set_num_threads(1);
    const struct group_effect one = effect_in_noise(4, 3);
    omp_set_num_threads(3);
    const struct group_effect three = effect_in_noise(4, 3);
    omp_set_num_threads(threads);
    assert_true(one.p_pairs < 1e-3);
    assert_near(one.p_languages, 2.0 / 70, 0.01); /* 70 ways to deal 4 + 4 labels, 2 of them are the same groups */
    assert_true(one.p_pairs == three.p_pairs && one.p_languages == three.p_languages);
}

/* --- pretrain or finetune --- */

static void crossover_lies_where_the_curves_meet(void **state) {
    (void)state;
    const double tokens[] = {100, 400, 1600}, scratch_losses[] = {5, 4, 2}, finetuned_losses[] = {3, 3, 3};
    const double dense[] = {100, 200, 400, 800, 3200}, dense_losses[] = {3, 3, 3, 3, 3};
    const struct loss_curve scratch = {3, tokens, scratch_losses};
    struct crossover crossover;
    struct error error = {0};
    assert_int_equal(crossover_find(&scratch, &(struct loss_curve){3, tokens, finetuned_losses}, &crossover, &error),
                     0);
    assert_int_equal(crossover.state, CROSSOVER_MEASURED);
    assert_near(crossover.tokens, 800, 1e-9); /* half-way from 400 to 1600 in logarithms */
    assert_true(crossover.low == 400 && crossover.high == 1600);
    assert_int_equal(crossover_find(&scratch, &(struct loss_curve){5, dense, dense_losses}, &crossover, &error), 0);
    assert_near(crossover.tokens, 800, 1e-9);
    assert_true(crossover.low == 400 && crossover.high <= 1600); /* rounding decides on which side 800 is */
}

static void crossover_that_is_not_seen_is_a_bound(void **state) {
    (void)state;
    const double tokens[] = {100, 400, 1600}, high[] = {5, 4, 3.5}, low[] = {3, 3, 3}, later[] = {2000, 3000, 4000};
    const struct loss_curve worse = {3, tokens, high}, better = {3, tokens, low}, apart = {3, later, low};
    struct crossover crossover;
    struct error error = {0};
    assert_int_equal(crossover_find(&worse, &better, &crossover, &error), 0);
    assert_int_equal(crossover.state, CROSSOVER_LATER);
    assert_true(isnan(crossover.tokens) && crossover.low == 1600 && isinf(crossover.high));
    assert_int_equal(crossover_find(&better, &worse, &crossover, &error), 0);
    assert_int_equal(crossover.state, CROSSOVER_EARLIER);
    assert_true(isnan(crossover.tokens) && crossover.low == 0 && crossover.high == 100);
    assert_refused(crossover_find(&worse, &apart, &crossover, &error), &error, "no tokens in common");
    assert_refused(crossover_find(&(struct loss_curve){0}, &better, &crossover, &error), &error, "monolingual curve");
    assert_refused(crossover_find(&better, &(struct loss_curve){0}, &crossover, &error), &error, "finetuned curve");
}

static void noise_widens_the_interval_of_a_crossover(void **state) {
    (void)state;
    const double tokens[] = {1, 2, 4, 8, 16, 32}, flat[] = {0, 0, 0, 0, 0, 0}, noisy[] = {2, 1, -1, 1, -1, -2},
                 open[] = {2, 1, -1, -1, -1, 1};
    const struct loss_curve finetuned = {6, tokens, flat};
    struct crossover crossover;
    assert_int_equal(crossover_find(&(struct loss_curve){6, tokens, noisy}, &finetuned, &crossover, NULL), 0);
    assert_near(crossover.tokens, 2 * sqrt(2), 1e-14);
    assert_true(crossover.low == 2 && crossover.high == 16);
    assert_int_equal(crossover_find(&(struct loss_curve){6, tokens, open}, &finetuned, &crossover, NULL), 0);
    assert_int_equal(crossover.state, CROSSOVER_MEASURED);
    assert_true(crossover.low == 2 && isinf(crossover.high));
}

static void crossovers_of_a_power_law_give_it_back(void **state) {
    (void)state;
    struct crossover_point points[6];
    for (int i = 0; i < 6; i++) {
        const double N = 1e7 * pow(3, i);
        points[i] = (struct crossover_point){N, 1.1e5 * pow(N, 1.65) / (6 * N), 0};
    }
    struct crossover_law law;
    struct error error = {0};
    assert_int_equal(crossover_fit(6, points, 1, &law, &error), 0);
    assert_near(law.b, 1.65, 1e-12);
    assert_near(law.a / 1.1e5, 1, 1e-10);
    assert_near(law.b_error, 0, 1e-6);
    for (int i = 0; i < 6; i++)
        points[i].tokens *= exp(0.1 * random_normal(9, 0, i));
    assert_int_equal(crossover_fit(6, points, 1, &law, &error), 0);
    assert_true(law.b_error > 0.005 && law.b_error < 0.1 && fabs(law.b - 1.65) < 3 * law.b_error);
    assert_near(law.a_error / law.a, law.b_error * 18.9, law.b_error * 4); /* ln N is 18.9 on average */
    assert_refused(crossover_fit(2, points, 1, &law, &error), &error, "2 points");
    points[1].N = points[2].N = points[0].N;
    assert_refused(crossover_fit(3, points, 1, &law, &error), &error, "one place");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(line_is_that_of_a_calculation_by_hand),
        cmocka_unit_test(groups_have_one_slope_and_levels_of_their_own),
        cmocka_unit_test(groups_that_disagree_widen_the_error_of_the_slope),
        cmocka_unit_test(line_without_two_places_is_refused),
        cmocka_unit_test(forest_learns_a_known_function),
        cmocka_unit_test(forest_finds_nothing_in_noise),
        cmocka_unit_test(trees_grow_until_their_leaves_are_pure),
        cmocka_unit_test(stump_splits_in_the_middle),
        cmocka_unit_test(forest_does_not_depend_on_threads_but_on_its_seed),
        cmocka_unit_test(forest_takes_constant_columns_and_refuses_holes),
        cmocka_unit_test(adaptation_is_the_mean_gain),
        cmocka_unit_test(features_are_scores_of_their_columns),
        cmocka_unit_test(missing_scores_are_foretold_from_measured_ones),
        cmocka_unit_test(too_few_scores_foretell_nothing),
        cmocka_unit_test(statistics_are_those_of_a_calculation_by_hand),
        cmocka_unit_test(what_a_matrix_does_not_say_is_not_a_number),
        cmocka_unit_test(five_best_sources_are_counted),
        cmocka_unit_test(p_values_of_shuffled_labels_are_uniform),
        cmocka_unit_test(strong_effects_have_small_p_values),
        cmocka_unit_test(crossover_lies_where_the_curves_meet),
        cmocka_unit_test(crossover_that_is_not_seen_is_a_bound),
        cmocka_unit_test(noise_widens_the_interval_of_a_crossover),
        cmocka_unit_test(crossovers_of_a_power_law_give_it_back),
    };
    return cmocka_run_group_tests_name("transfer", tests, NULL, NULL);
}
