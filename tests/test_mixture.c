/* corpus/mixture.h: hand-computed cases. */
#include "corpus/mixture.h"
#include "tests/test.h"

#include <math.h>

enum { COUNT_MAX = 420 };

static struct error error;
static double weights[COUNT_MAX];
static const double none[COUNT_MAX];

static int unimax(double epochs, const uint64_t *tokens, uint32_t count, double budget, const double *given) {
    const struct mixture_rule rule = {MIXTURE_UNIMAX, epochs};
    return mixture_weights(&rule, tokens, count, budget, given, weights, &error);
}

static void assert_weights(const double *wanted, uint32_t count) {
    double sum = 0;
    for (uint32_t l = 0; l < count; l++) {
        assert_true(fabs(weights[l] - wanted[l]) < 1e-12);
        sum += weights[l];
    }
    assert_true(fabs(sum - 1) < 1e-12);
}

static void unimax_is_even_where_every_language_has_enough(void **state) {
    (void)state;
    const uint64_t tokens[] = {1000, 500, 250, 4000};
    assert_int_equal(unimax(1, tokens, 4, 1000, none), 0);
    assert_weights((const double[]){0.25, 0.25, 0.25, 0.25}, 4);
}

/* 100 tokens, one epoch: of an even 25 each the language with 5 gives 20 to three others, 31 2/3 each; that with 20
 * gives 11 2/3 to the last two, which take 37.5 each. */
static void what_a_small_language_cannot_take_is_spread_over_the_rest(void **state) {
    (void)state;
    const uint64_t tokens[] = {1000, 5, 20, 1000000};
    assert_int_equal(unimax(1, tokens, 4, 100, none), 0);
    assert_weights((const double[]){0.375, 0.05, 0.2, 0.375}, 4);
    /* Four epochs of 5 are 20, and 80 are enough for 26 2/3. */
    assert_int_equal(unimax(4, tokens, 4, 100, none), 0);
    assert_weights((const double[]){4. / 15, 0.2, 4. / 15, 4. / 15}, 4);
}

static void more_than_all_epochs_of_all_languages_is_an_error(void **state) {
    (void)state;
    const uint64_t tokens[] = {30, 20, 50};
    assert_int_equal(unimax(2, tokens, 3, 200, none), 0); /* every token twice */
    assert_weights((const double[]){0.3, 0.2, 0.5}, 3);
    assert_int_equal(unimax(2, tokens, 3, 201, none), -1);
    assert_int_equal(error.code, ERROR_INPUT);
    assert_non_null(strstr(error.message, "2 epochs"));
    assert_non_null(strstr(error.message, "200 tokens, fewer than the 201"));
}

/* 420 languages and 1 T tokens as in the study: English fixed at 5 %; 60 languages that have enough and 359 with
 * 9.8e10 / 359 tokens in ten epochs. (1 - 0.05 - 0.098) / 60 is the published 1.42 %. */
static void rates_of_the_study_follow_from_token_counts_of_its_size(void **state) {
    (void)state;
    uint64_t tokens[420];
    double shares[420] = {0.05}, wanted[420] = {0.05};
    for (int l = 0; l < 420; l++)
        tokens[l] = l <= 60 ? (uint64_t)1e11 + (uint64_t)l : 27298050;
    for (int l = 1; l < 420; l++)
        wanted[l] = l <= 60 ? (0.95 - 359 * 2.7298050e-4) / 60 : 2.7298050e-4;
    assert_int_equal(unimax(10, tokens, 420, 1e12, shares), 0);
    assert_weights(wanted, 420);
    assert_true(fabs(weights[1] - 0.0142) < 1e-8);
}

static void temperature_goes_from_the_counts_to_even(void **state) {
    (void)state;
    const uint64_t tokens[] = {1600, 100, 300};
    struct mixture_rule rule = {MIXTURE_TEMPERATURE, 1};
    assert_int_equal(mixture_weights(&rule, tokens, 3, 1, NULL, weights, &error), 0);
    assert_weights((const double[]){0.8, 0.05, 0.15}, 3);
    rule.value = 2; /* 40, 10 */
    assert_int_equal(mixture_weights(&rule, tokens, 2, 1, NULL, weights, &error), 0);
    assert_weights((const double[]){0.8, 0.2}, 2);
    rule.value = 1e6;
    assert_int_equal(mixture_weights(&rule, tokens, 2, 1, NULL, weights, &error), 0);
    assert_true(fabs(weights[0] - 0.5) < 1e-6);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unimax_is_even_where_every_language_has_enough),
        cmocka_unit_test(what_a_small_language_cannot_take_is_spread_over_the_rest),
        cmocka_unit_test(more_than_all_epochs_of_all_languages_is_an_error),
        cmocka_unit_test(rates_of_the_study_follow_from_token_counts_of_its_size),
        cmocka_unit_test(temperature_goes_from_the_counts_to_even),
    };
    return cmocka_run_group_tests_name("mixture", tests, NULL, NULL);
}
