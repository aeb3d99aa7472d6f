/* laws/: advice against closed forms and brute force. */
#include "laws/advice.h"
#include "tests/test.h"

#include <math.h>
#include <omp.h>

enum { LANGUAGES = 3, EN = 0, ES = 1, SW = 2 };

static void assert_near(double value, double expected, double relative) {
    if (!(fabs(value - expected) <= relative * fabs(expected)))
        fail_msg("%.12g is not %.12g", value, expected);
}

/* Three languages; the sources of each target are the other two, in this order. */
static const struct advice_target ON_EN = {EN, 1, {2, {ES, SW}}, true}, ON_SW = {SW, 1, {2, {EN, ES}}, true};
static const double UNIQUE[LANGUAGES] = {4e10, 1e10, 1e9};
/* E A B alpha beta lambda tau_other tau_1 tau_2 */
static const double LAW_EN[FIT_PARAMETERS_MAX] = {1.6, 400, 1100, 0.34, 0.32, 0.7, 0, 0.5, 0.2};
static const double LAW_SW[FIT_PARAMETERS_MAX] = {1.9, 350, 900, 0.31, 0.30, 0.9, 0, 0.35, 0.25};

static struct advice_question question_of(const struct advice_target *targets, size_t count, double flops) {
    return (struct advice_question){flops, LANGUAGES, UNIQUE, count, targets};
}

static void optimise(const struct advice_question *question, const double *laws, double size,
                     struct advice_plan *plan) {
    struct error error = {0};
    if (advice_optimise(question, laws, size, plan, &error) != 0)
        fail_msg("%s", error.message);
    double sum = 0;
    for (size_t l = 0; l < question->languages; l++) {
        assert_true(plan->shares[l] >= 0);
        sum += plan->shares[l];
    }
    assert_near(sum, 1, 1e-12);
    assert_near(6 * plan->N * plan->D, question->flops, 1e-12);
}

/* The law written down once more, one pool a language. */
static double worth(double D, double U, double lambda) {
    return D <= U ? D : U * (1 + (1 - exp(-lambda * (D / U - 1))) / lambda);
}

static double loss_of(const struct advice_target *target, const double *law, double N, double D, const double *shares) {
    double D_eff = worth(D * shares[target->language], UNIQUE[target->language], law[ATLAS_LAMBDA]);
    for (size_t k = 0; k < 2; k++) {
        const size_t source = target->sources.languages[k];
        D_eff += law[ATLAS_TAU + k] * worth(D * shares[source], UNIQUE[source], law[ATLAS_LAMBDA]);
    }
    return D_eff > 0
               ? law[ATLAS_E] + law[ATLAS_A] / pow(N, law[ATLAS_ALPHA]) + law[ATLAS_B] / pow(D_eff, law[ATLAS_BETA])
               : INFINITY;
}

/* --- Chinchilla --- */

static const double ENDLESS[1] = {INFINITY};
static const struct advice_target ALONE = {0, 1, {0}, false};
static const double HOFFMANN[FIT_PARAMETERS_MAX] = {1.82, 482, 2085, 0.348, 0.366};

static void chinchilla_has_a_closed_form(void **state) {
    (void)state;
    for (int exponent = 15; exponent < 27; exponent++) {
        const double flops = pow(10, exponent);
        double share, best = INFINITY, best_N = 0;
        const struct advice_question question = {flops, 1, ENDLESS, 1, &ALONE};
        struct advice_plan plan = {.shares = &share};
        optimise(&question, HOFFMANN, 0, &plan);
        const double N = advice_chinchilla_size(HOFFMANN, flops), step = 1.0001;
        assert_near(plan.N, N, 1e-6);
        assert_near(plan.loss, 1.82 + 482 / pow(N, 0.348) + 2085 / pow(flops / 6 / N, 0.366), 1e-12);
        for (int k = -40000; k <= 40000; k++) {
            const double size = N * pow(step, k);
            const double loss = 1.82 + 482 / pow(size, 0.348) + 2085 / pow(flops / 6 / size, 0.366);
            if (loss < best) {
                best = loss;
                best_N = size;
            }
        }
        assert_true(plan.loss <= best + 1e-12);
        assert_near(N, best_N, 2 * (step - 1));
    }
}

static void laws_without_an_optimum_are_refused(void **state) {
    (void)state;
    double share;
    struct error error = {0};
    const struct advice_question question = {1e20, 1, ENDLESS, 1, &ALONE};
    struct advice_plan plan = {.shares = &share};
    double law[FIT_PARAMETERS_MAX];
    memcpy(law, HOFFMANN, sizeof law);
    law[ATLAS_ALPHA] = -0.1;
    assert_int_equal(advice_optimise(&question, law, 0, &plan, &error), -1);
    assert_non_null(strstr(error.message, "size (alpha is -0.1)"));
    memcpy(law, HOFFMANN, sizeof law);
    law[ATLAS_BETA] = 0;
    assert_int_equal(advice_optimise(&question, law, 0, &plan, &error), -1);
    assert_non_null(strstr(error.message, "data (beta is 0)"));
}

/* --- mixtures --- */

/* The least mean loss on a grid of mixtures and sizes. */
static double brute_force(const struct advice_question *question, const double *laws, double N_about,
                          struct advice_plan *best) {
    enum { STEPS = 100 };
    best->loss = INFINITY;
    for (int size = -60; size <= 60; size++)
        for (int i = 0; i <= STEPS; i++)
            for (int j = 0; i + j <= STEPS; j++) {
                const double N = N_about * exp(0.02 * size), D = question->flops / 6 / N;
                const double shares[LANGUAGES] = {(double)i / STEPS, (double)j / STEPS,
                                                  (double)(STEPS - i - j) / STEPS};
                double loss = 0;
                for (size_t t = 0; t < question->target_count; t++)
                    loss += question->targets[t].weight *
                            loss_of(&question->targets[t], laws + t * FIT_PARAMETERS_MAX, N, D, shares);
                if (loss < best->loss) {
                    best->loss = loss;
                    best->N = N;
                    memcpy(best->shares, shares, sizeof shares);
                }
            }
    return best->loss;
}

static void mixture_is_that_of_brute_force(void **state) {
    (void)state;
    const struct advice_target both[] = {{EN, 0.4, ON_EN.sources, true}, {SW, 0.6, ON_SW.sources, true}};
    double laws[2][FIT_PARAMETERS_MAX], shares[LANGUAGES], grid_shares[LANGUAGES];
    memcpy(laws[0], LAW_EN, sizeof LAW_EN);
    memcpy(laws[1], LAW_SW, sizeof LAW_SW);
    const struct {
        const struct advice_target *targets;
        size_t count;
        const double *laws;
    } questions[] = {{&ON_EN, 1, LAW_EN}, {&ON_SW, 1, LAW_SW}, {both, 2, laws[0]}};
    for (int q = 0; q < 3; q++)
        for (int exponent = 18; exponent < 24; exponent += 2) {
            const double flops = pow(10, exponent);
            const struct advice_question question = question_of(questions[q].targets, questions[q].count, flops);
            struct advice_plan plan = {.shares = shares}, grid = {.shares = grid_shares};
            optimise(&question, questions[q].laws, 0, &plan);
            double loss = 0;
            for (size_t t = 0; t < question.target_count; t++) {
                const double one =
                    loss_of(&question.targets[t], questions[q].laws + t * FIT_PARAMETERS_MAX, plan.N, plan.D, shares);
                assert_near(advice_loss(&question, questions[q].laws, t, &plan), one, 1e-12);
                loss += question.targets[t].weight * one;
            }
            assert_near(plan.loss, loss, 1e-12);
            assert_true(plan.loss <= brute_force(&question, questions[q].laws, plan.N * 1.1, &grid) + 1e-12);
            assert_true(grid.loss - plan.loss < 1e-3); /* the grid is that fine: not another valley */
            assert_near(grid.N, plan.N, 0.1);
            for (size_t l = 0; l < LANGUAGES; l++)
                assert_true(fabs(grid_shares[l] - shares[l]) < 0.05);
        }
}

/* Of the best size the best plan is the best one; two languages of equal weight start side by side. */
static void a_size_can_be_told(void **state) {
    (void)state;
    const struct advice_target even[] = {{EN, 0.5, {1, {ES}}, true}, {ES, 0.5, {1, {EN}}, true}};
    double laws[2][FIT_PARAMETERS_MAX], shares[2], told_shares[2];
    memcpy(laws[0], LAW_EN, sizeof LAW_EN);
    memcpy(laws[1], LAW_SW, sizeof LAW_SW);
    for (int exponent = 18; exponent < 24; exponent++) {
        const double flops = pow(10, exponent);
        const struct advice_question question = {flops, 2, UNIQUE, 2, even};
        struct advice_plan plan = {.shares = shares}, told = {.shares = told_shares};
        optimise(&question, laws[0], 0, &plan);
        optimise(&question, laws[0], plan.N, &told);
        assert_true(told.N == plan.N);
        assert_near(told.loss, plan.loss, 1e-12);
        assert_near(told_shares[0], shares[0], 1e-5);
        optimise(&question, laws[0], plan.N * 1.5, &told);
        assert_true(told.N == plan.N * 1.5 && told.loss > plan.loss && told.loss < plan.loss * 1.01);
    }
}

static void languages_that_harm_get_nothing(void **state) {
    (void)state;
    double law[FIT_PARAMETERS_MAX], shares[LANGUAGES];
    struct advice_plan plan = {.shares = shares};
    memcpy(law, LAW_SW, sizeof law);
    law[ATLAS_TAU + 1] = -0.2; /* es */
    for (int exponent = 18; exponent < 24; exponent += 2) {
        const double flops = pow(10, exponent);
        const struct advice_question question = question_of(&ON_SW, 1, flops);
        optimise(&question, law, 0, &plan);
        assert_true(shares[ES] == 0 && shares[SW] > 0);
    }
    law[ATLAS_TAU] = 0; /* en: of no use either */
    const struct advice_question question = question_of(&ON_SW, 1, 1e22);
    optimise(&question, law, 0, &plan);
    assert_true(shares[EN] == 0 && shares[ES] == 0 && shares[SW] == 1);
}

/* A relative is of use only when the target's own text runs out; before, its share is 0 and not nearly so. */
static void relatives_wait(void **state) {
    (void)state;
    double shares[LANGUAGES];
    struct advice_plan plan = {.shares = shares};
    const struct advice_question question = question_of(&ON_SW, 1, 1e16);
    optimise(&question, LAW_SW, 0, &plan);
    assert_true(plan.D < UNIQUE[SW] && shares[EN] == 0 && shares[ES] == 0 && shares[SW] == 1);
}

static void repetition_moves_shares_to_relatives(void **state) {
    (void)state;
    double shares[LANGUAGES] = {0}, before = 2;
    struct advice_plan plan = {.shares = shares};
    for (int exponent = 17; exponent < 24; exponent++) {
        const double flops = pow(10, exponent);
        const struct advice_question question = question_of(&ON_SW, 1, flops);
        optimise(&question, LAW_SW, 0, &plan);
        assert_true(shares[SW] < before || (shares[SW] == 1 && plan.D < UNIQUE[SW] * 2.5));
        before = shares[SW];
    }
    assert_true(before < 0.2 && shares[EN] > shares[ES]);
}

static void repetition_that_nobody_saw_is_worth_nothing(void **state) {
    (void)state;
    double shares[LANGUAGES];
    struct advice_plan plan = {.shares = shares};
    struct advice_target target = ON_SW;
    target.repeats = false;
    const struct advice_question question = question_of(&target, 1, 1e20);
    optimise(&question, LAW_SW, 0, &plan);
    assert_near(plan.D * shares[SW], UNIQUE[SW], 0.05);
    assert_true(shares[EN] > 0.5);
}

/* A pot of other languages is never worth more than each of them alone. */
static void others_count_one_by_one(void **state) {
    (void)state;
    const struct advice_target target = {SW, 1, {0}, true};
    double law[FIT_PARAMETERS_MAX];
    memcpy(law, LAW_SW, sizeof law);
    law[ATLAS_TAU_OTHER] = 0.3;
    const double D = 1e11;
    double shares[LANGUAGES] = {0.6, 0.3, 0.1};
    const struct advice_plan plan = {1e9, D, NAN, shares};
    const struct advice_question question = question_of(&target, 1, 6e20);
    const double lambda = law[ATLAS_LAMBDA];
    const double alone = 0.3 * (worth(D * 0.6, 4e10, lambda) + worth(D * 0.3, 1e10, lambda));
    const double pot = 0.3 * worth(D * 0.9, 5e10, lambda);
    const double own = worth(D * 0.1, 1e9, lambda);
    const double loss = advice_loss(&question, law, 0, &plan);
    assert_near(loss, law[ATLAS_E] + 350 / pow(1e9, 0.31) + 900 / pow(own + alone, 0.3), 1e-12);
    assert_true(loss > law[ATLAS_E] + 350 / pow(1e9, 0.31) + 900 / pow(own + pot, 0.3));
}

/* --- intervals --- */

static int compare(const void *left, const void *right) {
    const double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

/* Of 41 samples the quantiles 2.5 and 97.5 % are the second and the last but one. */
enum { SAMPLES = 41 };

static void intervals_are_those_of_the_samples(void **state) {
    (void)state;
    double samples[SAMPLES][FIT_PARAMETERS_MAX], sizes[SAMPLES], losses[SAMPLES], share = 1;
    const struct advice_question question = {1e21, 1, ENDLESS, 1, &ALONE};
    struct advice_plan plan = {.shares = &share};
    struct advice_interval intervals[ADVICE_TARGET + 2];
    optimise(&question, HOFFMANN, 0, &plan);
    for (int s = 0; s < SAMPLES; s++) {
        memcpy(samples[s], HOFFMANN, sizeof HOFFMANN);
        samples[s][ATLAS_ALPHA] += 0.001 * (s * 7 % SAMPLES - 20);
        samples[s][ATLAS_E] += 0.01 * (s * 5 % SAMPLES - 20);
        sizes[s] = advice_chinchilla_size(samples[s], 1e21);
        losses[s] = advice_loss(&question, samples[s], 0, &plan);
    }
    qsort(sizes, SAMPLES, sizeof *sizes, compare);
    qsort(losses, SAMPLES, sizeof *losses, compare);
    assert_int_equal(advice_intervals(&question, samples, SAMPLES, &plan, intervals, NULL), 0);
    assert_near(intervals[ADVICE_N].low, sizes[1], 1e-6);
    assert_near(intervals[ADVICE_N].high, sizes[SAMPLES - 2], 1e-6);
    assert_near(intervals[ADVICE_LOSS].low, losses[1], 1e-12);
    assert_near(intervals[ADVICE_TARGET].high, losses[SAMPLES - 2], 1e-12);
    assert_true(intervals[ADVICE_TARGET + 1].low == 1 && intervals[ADVICE_TARGET + 1].high == 1);
    samples[0][ATLAS_ALPHA] = samples[1][ATLAS_ALPHA] = -0.1; /* two of 41 without a best plan are too many */
    assert_int_equal(advice_intervals(&question, samples, SAMPLES, &plan, intervals, NULL), 0);
    assert_true(isnan(intervals[ADVICE_N].low) && isnan(intervals[ADVICE_TARGET + 1].high));
}

static void intervals_of_equal_laws_are_points_on_any_number_of_threads(void **state) {
    (void)state;
    double samples[SAMPLES][FIT_PARAMETERS_MAX], shares[LANGUAGES];
    const struct advice_question question = question_of(&ON_SW, 1, 1e21);
    struct advice_plan plan = {.shares = shares};
    struct advice_interval one[ADVICE_TARGET + 1 + LANGUAGES], three[ADVICE_TARGET + 1 + LANGUAGES];
    const int threads = omp_get_max_threads();
    for (int s = 0; s < SAMPLES; s++)
        memcpy(samples[s], LAW_SW, sizeof LAW_SW);
    optimise(&question, LAW_SW, 0, &plan);
    omp_set_num_threads(1);
    assert_int_equal(advice_intervals(&question, samples, SAMPLES, &plan, one, NULL), 0);
    assert_true(one[ADVICE_N].low == plan.N && one[ADVICE_N].high == plan.N);
    for (size_t l = 0; l < LANGUAGES; l++)
        assert_true(one[ADVICE_TARGET + 1 + l].low == shares[l] && one[ADVICE_TARGET + 1 + l].high == shares[l]);
    for (int s = 0; s < SAMPLES; s++)
        samples[s][ATLAS_TAU] *= 1 + 0.01 * s;
    assert_int_equal(advice_intervals(&question, samples, SAMPLES, &plan, one, NULL), 0);
    omp_set_num_threads(3);
    assert_int_equal(advice_intervals(&question, samples, SAMPLES, &plan, three, NULL), 0);
    omp_set_num_threads(threads);
    assert_memory_equal(one, three, sizeof one);
    assert_true(one[ADVICE_TARGET + 1 + EN].low < one[ADVICE_TARGET + 1 + EN].high);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chinchilla_has_a_closed_form),
        cmocka_unit_test(laws_without_an_optimum_are_refused),
        cmocka_unit_test(mixture_is_that_of_brute_force),
        cmocka_unit_test(a_size_can_be_told),
        cmocka_unit_test(languages_that_harm_get_nothing),
        cmocka_unit_test(relatives_wait),
        cmocka_unit_test(repetition_moves_shares_to_relatives),
        cmocka_unit_test(repetition_that_nobody_saw_is_worth_nothing),
        cmocka_unit_test(others_count_one_by_one),
        cmocka_unit_test(intervals_are_those_of_the_samples),
        cmocka_unit_test(intervals_of_equal_laws_are_points_on_any_number_of_threads),
    };
    return cmocka_run_group_tests_name("advice", tests, NULL, NULL);
}
