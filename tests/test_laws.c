/* laws/: transfer scores, and the Chinchilla fit against known laws and published runs. */
#include "base/file.h"
#include "base/random.h"
#include "laws/chinchilla.h"
#include "laws/minimise.h"
#include "laws/transfer.h"
#include "tests/fit_derivatives.h"
#include "tests/test.h"

#include <gsl/gsl_errno.h>
#include <math.h>
#include <omp.h>
#include <stdbool.h>

static void assert_near(double value, double expected, double relative) {
    if (!(fabs(value - expected) <= relative * fabs(expected)))
        fail_msg("%.12g is not %.12g", value, expected);
}

/* --- transfer scores --- */

/* Losses fall by 1 with each factor of 10 in tokens. */
static const double TOKENS[] = {10, 100, 1000, 10000};
static const double LOSSES[] = {5, 4, 3, 2};
static const struct loss_curve MONOLINGUAL = {4, TOKENS, LOSSES};

static struct transfer_score score_of(const struct loss_curve *bilingual, double d) {
    struct transfer_score score;
    struct error error = {0};
    if (transfer_bts(&MONOLINGUAL, bilingual, d, &score, &error))
        fail_msg("%s", error.message);
    return score;
}

static void loss_is_interpolated_against_ln_tokens(void **state) {
    (void)state;
    double loss;
    assert_int_equal(curve_loss_at(&MONOLINGUAL, sqrt(10 * 100.), &loss, NULL), 0);
    assert_near(loss, 4.5, 1e-12);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(curve_loss_at(&MONOLINGUAL, TOKENS[i], &loss, NULL), 0);
        assert_true(loss == LOSSES[i]);
    }
}

static void twice_the_tokens_is_neutral(void **state) {
    (void)state;
    const double tokens[] = {20, 200, 2000, 20000};
    const struct transfer_score score = score_of(&(struct loss_curve){4, tokens, LOSSES}, 500);
    assert_near(score.reference_loss, 3 + log10(2), 1e-12);
    assert_near(score.sigma, 1000, 1e-12);
    assert_true(fabs(score.bts) < 1e-12);
    assert_false(score.bound);
}

static void fewer_tokens_help_and_more_hurt(void **state) {
    (void)state; /* at d = 1000 the loss is 3 */
    const double helped[] = {10, 1500}, hurt[] = {10, 3000}, losses[] = {5, 3};
    assert_near(score_of(&(struct loss_curve){2, helped, losses}, 1000).bts, 0.5, 1e-12);
    assert_near(score_of(&(struct loss_curve){2, hurt, losses}, 1000).bts, -1, 1e-12);
    /* between evaluations: 3.5 at 1000, 2.5 at 4000, so 3 at their geometric mean */
    const double tokens[] = {1000, 4000}, around[] = {3.5, 2.5};
    const struct transfer_score score = score_of(&(struct loss_curve){2, tokens, around}, 1000);
    assert_near(score.sigma, 2000, 1e-12);
    assert_true(fabs(score.bts) < 1e-12);
}

static void loss_met_at_an_evaluation_is_met_exactly_there(void **state) {
    (void)state;
    const double tokens[] = {300, 700, 900}, losses[] = {3.7, 3, 2.9};
    const struct transfer_score score = score_of(&(struct loss_curve){3, tokens, losses}, 1000);
    assert_true(score.sigma == 700 && score.bts == 1.3);
}

static void curve_that_rises_again_counts_from_its_first_reach(void **state) {
    (void)state;
    const double tokens[] = {100, 400, 800, 1600}, losses[] = {4, 2, 3.5, 1};
    const struct transfer_score score = score_of(&(struct loss_curve){4, tokens, losses}, 1000);
    assert_near(score.sigma, 200, 1e-12); /* halfway in loss, halfway in ln tokens */
    assert_near(score.bts, 1.8, 1e-12);
}

static void loss_never_reached_gives_a_bound(void **state) {
    (void)state;
    const double tokens[] = {100, 5000}, losses[] = {4, 3.001};
    const struct transfer_score score = score_of(&(struct loss_curve){2, tokens, losses}, 1000);
    assert_true(score.bound && score.sigma == 5000 && score.bts == -3);
    double reached;
    assert_false(curve_first_reach(&(struct loss_curve){0, NULL, NULL}, 3, &reached));
}

static void curve_below_from_the_start_counts_from_its_first_evaluation(void **state) {
    (void)state;
    const double tokens[] = {100, 200}, losses[] = {2.5, 2};
    assert_true(score_of(&(struct loss_curve){2, tokens, losses}, 1000).sigma == 100);
}

static void over_tokens_only_scores_that_the_constant_part_can_show_count(void **state) {
    (void)state;
    const double tokens[] = {20, 200, 2000}, early[] = {300, 400}, late[] = {20, 2000}, below[] = {2.5, 2},
                 above[] = {5, 3.1};
    const struct loss_curve neutral = {3, tokens, LOSSES}, reached = {2, early, below}, bound = {2, late, above};
    struct transfer_score score;
    assert_true(transfer_bts_over_tokens(&MONOLINGUAL, &neutral, 1000, 3000, &score));
    assert_true(score.sigma == 2000 && score.bts == 0);
    assert_false(transfer_bts_over_tokens(&MONOLINGUAL, &neutral, 1000, 2999, &score)); /* -1 is at 3000 */
    assert_false(transfer_bts_over_tokens(&MONOLINGUAL, &reached, 1000, 3000, &score)); /* maybe before 300 */
    assert_false(transfer_bts_over_tokens(&MONOLINGUAL, &bound, 1000, 3000, &score));
    assert_false(transfer_bts_over_tokens(&MONOLINGUAL, &neutral, 9, 3000, &score));
}

static void scores_refuse_what_they_are_not_defined_for(void **state) {
    (void)state;
    struct transfer_score score;
    struct error error;
    const double outside[] = {9.99, 10000.1, 0, -1, NAN, INFINITY};
    for (size_t i = 0; i < sizeof outside / sizeof *outside; i++) {
        error = (struct error){0};
        assert_int_equal(transfer_bts(&MONOLINGUAL, &MONOLINGUAL, outside[i], &score, &error), -1);
        assert_int_equal(error.code, ERROR_INPUT);
        assert_non_null(strstr(error.message, "from 10 to 10000 tokens"));
    }
    const double still[] = {10, 10}, zero[] = {0, 10}, endless[] = {10, INFINITY}, losses[] = {3, 2};
    const double diverged[] = {3, NAN}, exploded[] = {INFINITY, 2};
    const struct loss_curve bad[] = {{0, TOKENS, LOSSES},  {2, still, losses},    {2, zero, losses},
                                     {2, endless, losses}, {2, TOKENS, diverged}, {2, TOKENS, exploded}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(transfer_bts(&MONOLINGUAL, &bad[i], 1000, &score, &error), -1);
        assert_non_null(strstr(error.message, "bilingual"));
        assert_int_equal(transfer_bts(&bad[i], &MONOLINGUAL, 10, &score, &error), -1);
        assert_non_null(strstr(error.message, "monolingual"));
    }
    double loss;
    assert_int_equal(curve_loss_at(&bad[0], 10, &loss, &error), -1);
}

/* --- minimiser --- */

static double rosenbrock(const void *data, const double *x, double *gradient, double *hessian) {
    (void)data;
    const double valley = x[1] - x[0] * x[0];
    if (gradient) {
        gradient[0] = -400 * x[0] * valley - 2 * (1 - x[0]);
        gradient[1] = 200 * valley;
    }
    if (hessian) {
        hessian[0] = 1200 * x[0] * x[0] - 400 * x[1] + 2;
        hessian[2] = -400 * x[0];
        hessian[3] = 200;
    }
    return 1 + 100 * valley * valley + (1 - x[0]) * (1 - x[0]);
}

static void minimum_is_found_to_the_last_digits(void **state) {
    (void)state;
    gsl_set_error_handler_off();
    const struct objective objective = {2, rosenbrock, NULL};
    struct minimum minimum = {.x = {-1.2, 1}};
    assert_int_equal(minimise(&objective, NULL, &minimum), 0);
    assert_near(minimum.x[0], 1, 1e-14);
    assert_near(minimum.x[1], 1, 1e-14);
    assert_true(minimum.value == 1 && minimum.settled);
}

static double unreachable(const void *data, const double *x, double *gradient, double *hessian) {
    (void)data, (void)x;
    for (int i = 0; i < 2 && gradient; i++)
        gradient[i] = NAN;
    for (int i = 0; i < 4 && hessian; i++)
        hessian[i] = NAN;
    return INFINITY;
}

static void start_out_of_reach_stays_where_it_is(void **state) {
    (void)state;
    const struct objective objective = {2, unreachable, NULL};
    struct minimum minimum = {.x = {3, 4}};
    assert_int_equal(minimise(&objective, NULL, &minimum), 0);
    assert_true(isinf(minimum.value) && minimum.x[0] == 3 && minimum.x[1] == 4 && !minimum.settled);
}

/* --- tables --- */

enum { ROWS_MAX = 300 };

struct rows {
    size_t count;
    double N[ROWS_MAX], D[ROWS_MAX], L[ROWS_MAX];
};

static struct loss_table table_of(const struct rows *rows) {
    return (struct loss_table){rows->count, rows->N, rows->D, rows->L};
}

/* SIZES x SIZES values of N and D on a law, with log-normal noise. */
enum { SIZES = 4, ROWS = SIZES * SIZES };

static struct rows law_rows(double E, double A, double B, double alpha, double beta, double noise) {
    struct rows rows = {0};
    for (int i = 0; i < SIZES; i++)
        for (int j = 0; j < SIZES; j++, rows.count++) {
            const double N = 1e7 * pow(5, i), D = 3e8 * pow(6, j);
            rows.N[rows.count] = N;
            rows.D[rows.count] = D;
            rows.L[rows.count] =
                (E + A * pow(N, -alpha) + B * pow(D, -beta)) * exp(noise * random_normal(1, 0, rows.count));
        }
    return rows;
}

/* Reads columns N, D and one of losses from a CSV file; where the column "in_fit" is asked for, rows with 0 are left
 * out. */
static struct rows csv_rows(const char *path, const char *loss, bool in_fit) {
    struct rows rows = {0};
    struct error error;
    char *text, *next;
    size_t size;
    if (file_read(path, 1 << 20, &text, &size, &error))
        fail_msg("%s", error.message);
    const char *names[] = {"N", "D", loss, "in_fit"};
    int place[4] = {-1, -1, -1, -1};
    for (char *line = strtok_r(text, "\n", &next); line; line = strtok_r(NULL, "\n", &next)) {
        double values[4] = {0, 0, 0, 1};
        char *cell, *rest = line;
        for (int column = 0; (cell = strsep(&rest, ",\r")); column++)
            for (int k = 0; k < 4; k++) {
                if (line == text && strcmp(cell, names[k]) == 0)
                    place[k] = column;
                else if (line != text && place[k] == column)
                    values[k] = strtod(cell, NULL);
            }
        if (line == text || (in_fit && values[3] == 0))
            continue;
        assert_true(rows.count < ROWS_MAX);
        rows.N[rows.count] = values[0];
        rows.D[rows.count] = values[1];
        rows.L[rows.count++] = values[2];
    }
    free(text);
    return rows;
}

/* Under the sanitizers, which look for other faults, slowly, only the smallest published table has the whole grid. */
static const struct fit_options WHOLE = {.delta = 1e-3};
#ifdef __SANITIZE_ADDRESS__
static const struct fit_options PLAIN = {.delta = 1e-3, .thin = true};
#else
static const struct fit_options PLAIN = {.delta = 1e-3};
#endif

static struct fit fit_with(const struct rows *rows, const struct fit_options *options) {
    const struct loss_table table = table_of(rows);
    struct fit_law law;
    struct fit fit;
    struct error error = {0};
    double *room;
    if (chinchilla_law(&table, &law, &room, &error) != 0 || fit_law(&law, options, &fit, &error) != 0)
        fail_msg("%s", error.message);
    free(room);
    return fit;
}

static struct fit fit_of(const struct rows *rows) {
    return fit_with(rows, &PLAIN);
}

/* --- the Chinchilla fit --- */

static void derivatives_are_those_of_finite_differences(void **state) {
    (void)state;
    const struct rows rows = law_rows(1.8, 480, 2100, 0.35, 0.37, 0.03);
    const struct loss_table table = table_of(&rows);
    struct fit_law law;
    double *room;
    assert_int_equal(chinchilla_law(&table, &law, &room, NULL), 0);
    const double x[] = {-0.6, -1.8, -1.4, 0.6, 0.9};
    assert_derivatives(&law, x);
    free(room);
}

static void law_without_noise_is_found_again(void **state) {
    (void)state;
    const double laws[][5] = {{1.8, 480, 2100, 0.35, 0.37}, {0.5, 3, 40000, 0.08, 0.6}, {2e-3, 0.5, 0.9, 0.2, 0.25}};
    for (size_t i = 0; i < sizeof laws / sizeof *laws; i++) {
        const double *law = laws[i];
        const struct rows rows = law_rows(law[0], law[1], law[2], law[3], law[4], 0);
        const struct fit fit = fit_of(&rows);
        assert_near(fit.parameters[CHINCHILLA_E], law[0], 1e-6);
        assert_near(fit.parameters[CHINCHILLA_A], law[1], 1e-6);
        assert_near(fit.parameters[CHINCHILLA_B], law[2], 1e-6);
        assert_near(fit.parameters[CHINCHILLA_ALPHA], law[3], 1e-6);
        assert_near(fit.parameters[CHINCHILLA_BETA], law[4], 1e-6);
        assert_near(fit.r2, 1, 1e-12);
        assert_int_equal(fit.undetermined, 0);
        assert_int_equal(fit.points, ROWS);
    }
}

struct published {
    const char *name;
    double objective, E, A, B, alpha, beta; /* A, B: 0 where they were not published */
};

static void assert_optimum(const struct rows *rows, const struct fit_options *options,
                           const struct published *expected) {
    const struct fit fit = fit_with(rows, options);
    print_message(
        "# %s: %zu points, objective %.7e, E %.5f, A %.2f, B %.1f, alpha %.5f, beta %.5f, R2 %.4f; %zu of %zu "
        "starts\n",
        expected->name, fit.points, fit.objective, fit.parameters[CHINCHILLA_E], fit.parameters[CHINCHILLA_A],
        fit.parameters[CHINCHILLA_B], fit.parameters[CHINCHILLA_ALPHA], fit.parameters[CHINCHILLA_BETA], fit.r2,
        fit.basins[0].starts, fit.starts);
    assert_near(fit.objective, expected->objective, 1e-6);
    assert_near(fit.parameters[CHINCHILLA_E], expected->E, 1e-5);
    assert_near(fit.parameters[CHINCHILLA_ALPHA], expected->alpha, 2e-5);
    assert_near(fit.parameters[CHINCHILLA_BETA], expected->beta, 2e-5);
    if (expected->A > 0) {
        assert_near(fit.parameters[CHINCHILLA_A], expected->A, 1e-4);
        assert_near(fit.parameters[CHINCHILLA_B], expected->B, 1e-4);
    }
    assert_int_equal(fit.starts, options->thin ? 32 : 4500);
    assert_true(fit.basins[0].starts * 100 >= fit.starts * 99);
    assert_int_equal(fit.undetermined, 0);
}

static void published_runs_of_porian_give_their_optimum(void **state) {
    (void)state;
    const struct rows rows = csv_rows("tests/data/laws/porian_rw_cosine.csv", "L", false);
    assert_int_equal(rows.count, 88);
    assert_optimum(&rows, &PLAIN, &(struct published){"porian", 1.067810e-3, 2.52901, 0, 0, 0.39125, 0.55338});
}

static void published_runs_of_gadre_give_their_optimum(void **state) {
    (void)state;
    const struct rows rows = csv_rows("tests/data/laws/gadre_2024.csv", "L_c4_val", false);
    assert_int_equal(rows.count, 34);
    assert_optimum(&rows, &WHOLE, &(struct published){"gadre", 5.29954e-4, 1.62002, 0, 0, 0.25257, 0.26223});
}

/* The points that Besiroglu et al. (arXiv 2404.10102) read off the figures of Hoffmann et al. carry no licence, so they
 * are used where they are at hand and not copied. */
static void chinchilla_points_give_their_optimum(void **state) {
    (void)state;
    const char *path = "../shared/reference/fits/chinchilla_epoch.csv";
    if (!file_exists(path)) {
        print_message("# %s is not there: skipped\n", path);
        skip();
    }
    struct rows rows = csv_rows(path, "L", true);
    assert_int_equal(rows.count, 240);
    assert_optimum(&rows, &PLAIN,
                   &(struct published){"chinchilla, 240", 1.018274e-3, 1.81722, 477.83, 2143.4, 0.34731, 0.36717});
    rows = csv_rows(path, "L", false);
    assert_int_equal(rows.count, 245);
    assert_optimum(&rows, &PLAIN,
                   &(struct published){"chinchilla, 245", 1.826011e-3, 1.89134, 495.73, 12846, 0.34931, 0.45305});
}

static void fit_does_not_depend_on_threads(void **state) {
    (void)state;
    const struct rows rows = law_rows(1.8, 480, 2100, 0.35, 0.37, 0.02);
    const int threads = omp_get_max_threads();
    omp_set_num_threads(1);
    const struct fit one = fit_of(&rows);
    omp_set_num_threads(3);
    const struct fit three = fit_of(&rows);
    omp_set_num_threads(threads);
    assert_true(one.parameters[CHINCHILLA_E] == three.parameters[CHINCHILLA_E] &&
                one.parameters[CHINCHILLA_A] == three.parameters[CHINCHILLA_A] &&
                one.parameters[CHINCHILLA_B] == three.parameters[CHINCHILLA_B]);
    assert_true(one.parameters[CHINCHILLA_ALPHA] == three.parameters[CHINCHILLA_ALPHA] &&
                one.parameters[CHINCHILLA_BETA] == three.parameters[CHINCHILLA_BETA]);
    assert_true(one.objective == three.objective && one.basins[0].starts == three.basins[0].starts);
}

static void rows_told_twice_change_nothing(void **state) {
    (void)state;
    struct rows rows = law_rows(1.8, 480, 2100, 0.35, 0.37, 0.02);
    const struct fit once = fit_of(&rows);
    for (size_t i = 0; i < ROWS; i++, rows.count++) {
        rows.N[ROWS + i] = rows.N[i];
        rows.D[ROWS + i] = rows.D[i];
        rows.L[ROWS + i] = rows.L[i];
    }
    const struct fit twice = fit_of(&rows);
    assert_near(twice.objective, 2 * once.objective, 1e-12);
    assert_near(twice.parameters[CHINCHILLA_A], once.parameters[CHINCHILLA_A], 1e-8);
    assert_near(twice.parameters[CHINCHILLA_BETA], once.parameters[CHINCHILLA_BETA], 1e-8);
}

enum { BIT_E = 1, BIT_A = 2, BIT_B = 4, BIT_ALPHA = 8, BIT_BETA = 16 };

static void parameters_that_the_table_leaves_open_are_named(void **state) {
    (void)state;
    struct rows rows = law_rows(-0.05, 480, 2100, 0.35, 0.37, 0); /* below any law: E runs to its bound, 0 */
    struct fit fit = fit_of(&rows);
    assert_int_equal(fit.undetermined, BIT_E);
    assert_true(fit.parameters[CHINCHILLA_E] >= 0 && fit.parameters[CHINCHILLA_E] < 1e-6);

    rows = law_rows(1.8, 0, 2100, 0.35, 0.37, 0); /* no influence of N: nothing tells A from E */
    fit = fit_of(&rows);
    assert_int_equal(fit.undetermined, BIT_E | BIT_A | BIT_ALPHA);
    assert_near(fit.parameters[CHINCHILLA_BETA], 0.37, 1e-6);

    rows = law_rows(1.8, 480, 2100, 0.35, 0.37, 0.01);
    fit = fit_of(&rows);
    assert_int_equal(fit.undetermined, 0);
    for (size_t i = 0; i < ROWS; i++) /* always 20 tokens a parameter: nothing tells N from D */
        rows.D[i] = 20 * rows.N[i];
    fit = fit_of(&rows);
    assert_int_equal(fit.undetermined, BIT_E | BIT_A | BIT_B | BIT_ALPHA | BIT_BETA);
}

static void refuse(const struct rows *rows, double delta, const char *reason) {
    const struct loss_table table = table_of(rows);
    struct fit fit;
    struct error error = {0};
    struct fit_law law;
    double *room = NULL;
    const struct fit_options options = {.delta = delta};
    assert_true(chinchilla_law(&table, &law, &room, &error) != 0 || fit_law(&law, &options, &fit, &error) != 0);
    free(room);
    assert_int_equal(error.code, ERROR_INPUT);
    if (!strstr(error.message, reason))
        fail_msg("\"%s\" does not say \"%s\"", error.message, reason);
}

static void tables_that_cannot_be_fitted_are_refused(void **state) {
    (void)state;
    const struct rows good = law_rows(1.8, 480, 2100, 0.35, 0.37, 0.01);
    struct rows rows[10];
    const char *reasons[10] = {
        "7 points; at least 8", "1 distinct N",  "2 distinct N",  "1 distinct D",    "all losses are equal",
        "row 4: L is nan",      "row 1: N is 0", "row 2: D is -", "row 3: L is inf", "0 points",
    };
    for (int i = 0; i < 10; i++)
        rows[i] = good;
    rows[0].count = 7;
    rows[9].count = 0;
    for (size_t i = 0; i < good.count; i++) {
        rows[1].N[i] = 1e8;
        rows[2].N[i] = i % 2 ? 1e8 : 1e9;
        rows[3].D[i] = 1e10;
        rows[4].L[i] = 3;
    }
    rows[5].L[3] = NAN;
    rows[6].N[0] = 0;
    rows[7].D[1] = -1e9;
    rows[8].L[2] = INFINITY;
    for (int i = 0; i < 10; i++)
        refuse(&rows[i], 1e-3, reasons[i]);
    const double deltas[] = {0, -1, NAN, INFINITY};
    for (int i = 0; i < 4; i++)
        refuse(&good, deltas[i], "delta is");
}

static void absurd_tables_end_in_an_answer(void **state) {
    (void)state; /* a term that only the smallest size has: alpha is anything large, and then A */
    struct rows rows = law_rows(1.8, 0, 2100, 0.35, 0.37, 0);
    for (size_t i = 0; i < SIZES; i++)
        rows.L[i] *= 1.5;
    const struct fit fit = fit_of(&rows);
    assert_int_equal(fit.undetermined, BIT_A | BIT_ALPHA);
    assert_true(isfinite(fit.parameters[CHINCHILLA_A]) && isfinite(fit.r2));
    for (size_t i = 0; i < ROWS; i++)
        rows.N[i] *= 1e30;
    refuse(&rows, 1e-3, "grows without bound");

    rows = law_rows(2e160, 5e162, 2e163, 0.35, 0.37, 0.01);
    refuse(&rows, 1e-3, "too large to square");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loss_is_interpolated_against_ln_tokens),
        cmocka_unit_test(twice_the_tokens_is_neutral),
        cmocka_unit_test(fewer_tokens_help_and_more_hurt),
        cmocka_unit_test(loss_met_at_an_evaluation_is_met_exactly_there),
        cmocka_unit_test(curve_that_rises_again_counts_from_its_first_reach),
        cmocka_unit_test(loss_never_reached_gives_a_bound),
        cmocka_unit_test(curve_below_from_the_start_counts_from_its_first_evaluation),
        cmocka_unit_test(over_tokens_only_scores_that_the_constant_part_can_show_count),
        cmocka_unit_test(scores_refuse_what_they_are_not_defined_for),
        cmocka_unit_test(minimum_is_found_to_the_last_digits),
        cmocka_unit_test(start_out_of_reach_stays_where_it_is),
        cmocka_unit_test(derivatives_are_those_of_finite_differences),
        cmocka_unit_test(law_without_noise_is_found_again),
        cmocka_unit_test(published_runs_of_porian_give_their_optimum),
        cmocka_unit_test(published_runs_of_gadre_give_their_optimum),
        cmocka_unit_test(chinchilla_points_give_their_optimum),
        cmocka_unit_test(fit_does_not_depend_on_threads),
        cmocka_unit_test(rows_told_twice_change_nothing),
        cmocka_unit_test(parameters_that_the_table_leaves_open_are_named),
        cmocka_unit_test(tables_that_cannot_be_fitted_are_refused),
        cmocka_unit_test(absurd_tables_end_in_an_answer),
    };
    return cmocka_run_group_tests_name("laws", tests, NULL, NULL);
}
