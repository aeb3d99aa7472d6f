/* laws/: the ATLAS law against finite differences and known laws, and the hold-outs. */
#include "laws/atlas.h"
#include "laws/holdout.h"
#include "tests/atlas_tables.h"
#include "tests/test.h"

#include <stdbool.h>

/* Under the sanitizers a fit takes ten times as long. */
#ifdef __SANITIZE_ADDRESS__
enum { TARGETS_TESTED = 2, SEEDS_TESTED = 2 };
#else
enum { TARGETS_TESTED = TARGETS, SEEDS_TESTED = 3 };
#endif

static void assert_near(double value, double expected, double relative) {
    if (!(fabs(value - expected) <= relative * fabs(expected)))
        fail_msg("%.12g is not %.12g", value, expected);
}

/* --- the law --- */

/* Four languages, target the second: a table small enough to be checked by hand. */
static const char *const NAMES[] = {"a", "t", "b", "c", "d"};
static const double UNIQUE[] = {100, 50, INFINITY, 20, 10};
static const double ALONE[] = {0, 1, 0, 0, 0}, PAIR[] = {0.5, 0.5, 0, 0, 0}, ALL[] = {0.2, 0.2, 0.2, 0.3, 0.1};
static const struct observation ROWS[] = {
    {1e3, 40, 3, ALONE, TRAINED_MONOLINGUAL},
    {2e3, 150, 2.5, ALONE, TRAINED_MONOLINGUAL},
    {1e3, 60, 2.8, PAIR, TRAINED_BILINGUAL},
    {3e3, 400, 2.2, ALL, TRAINED_MIXTURE},
};
static const struct mixture_table SMALL = {4, ROWS, NULL, 5, NAMES, 1, UNIQUE};

static struct fit_law law_of(const struct mixture_table *table, enum atlas_variant variant, double **room) {
    struct atlas_sources sources;
    struct fit_law law;
    struct error error = {0};
    atlas_choose_sources(table, &sources);
    if (atlas_law_make(table, variant, &sources, &law, room, &error))
        fail_msg("%s", error.message);
    return law;
}

static void sources_are_those_with_the_most_tokens(void **state) {
    (void)state;
    struct atlas_sources sources;
    atlas_choose_sources(&SMALL, &sources); /* a: 110, b: 80, c: 120, d: 40 */
    assert_int_equal(sources.count, 3);
    assert_int_equal(sources.languages[0], 3);
    assert_int_equal(sources.languages[1], 0);
    assert_int_equal(sources.languages[2], 2);
    const struct mixture_table pairs = {3, ROWS, NULL, 5, NAMES, 1, UNIQUE};
    atlas_choose_sources(&pairs, &sources);
    assert_int_equal(sources.count, 1);
    assert_int_equal(sources.languages[0], 0);
}

static void law_is_that_of_the_study(void **state) {
    (void)state;
    double *room, loss[4];
    const struct fit_law law = law_of(&SMALL, ATLAS_TRANSFER, &room);
    const double E = 1.5, A = 20, B = 7, alpha = 0.4, beta = 0.5, lambda = 0.7, other = 0.1, c = 0.3, a = 0.6, b = -0.2;
    const double y[] = {E, A, B, alpha, beta, lambda, other, c, a, b};
    fit_predict(&law, y, loss);
    /* 120 of c are six times its 20; 80 of t are 1.6 times its 50; 40 of d, the only other, are four times its 10 */
    const double t_worth = 50 * (1 + (1 - exp(-lambda * 0.6)) / lambda);
    const double c_worth = 20 * (1 + (1 - exp(-lambda * 5)) / lambda);
    const double d_worth = 10 * (1 + (1 - exp(-lambda * 3)) / lambda);
    const double D[] = {40, 50 * (1 + (1 - exp(-lambda * 2)) / lambda), 30 + a * 30,
                        t_worth + c * c_worth + a * 80 + b * 80 + other * d_worth};
    for (int i = 0; i < 4; i++)
        assert_near(loss[i], E + A * pow(ROWS[i].N, -alpha) + B * pow(D[i], -beta), 1e-14);
    const char *const names[] = {"E", "A", "B", "alpha", "beta", "lambda", "tau_other", "tau_c", "tau_a", "tau_b"};
    assert_int_equal(law.parameter_count, 10);
    for (int p = 0; p < 10; p++)
        assert_string_equal(law.parameters[p].name, names[p]);
    free(room);
}

static void variants_see_less(void **state) {
    (void)state;
    double *room, loss[4];
    struct fit_law law = law_of(&SMALL, ATLAS_TARGET, &room);
    const double y[] = {1.5, 20, 7, 0.4, 0.5, 0.7, 0.1};
    assert_int_equal(law.parameter_count, 6);
    fit_predict(&law, y, loss);
    assert_near(loss[2], 1.5 + 20 * pow(1e3, -0.4) + 7 * pow(30, -0.5), 1e-14);
    free(room);
    law = law_of(&SMALL, ATLAS_OTHER, &room);
    assert_int_equal(law.parameter_count, 7);
    fit_predict(&law, y, loss);
    assert_near(loss[2], 1.5 + 20 * pow(1e3, -0.4) + 7 * pow(30 + 0.1 * 30, -0.5), 1e-14);
    /* of the 320 others none counts as repeated: nobody knows how much there is of b */
    const double t_worth = 50 * (1 + (1 - exp(-0.7 * 0.6)) / 0.7);
    assert_near(loss[3], 1.5 + 20 * pow(3e3, -0.4) + 7 * pow(t_worth + 0.1 * 320, -0.5), 1e-14);
    free(room);
}

static void derivatives_are_those_of_finite_differences(void **state) {
    (void)state;
    static struct fit_block block, up, down;
    for (enum atlas_variant variant = ATLAS_TARGET; variant < ATLAS_VARIANTS; variant++) {
        double *room;
        const double y[] = {0.4, 3, 2, 0.4, 0.5, -0.4, 0.1, 0.3, 0.6, -0.2}, h = 1e-5;
        const struct fit_law law = law_of(&SMALL, variant, &room);
        law.evaluate(&law, law.columns, y, 4, true, &block);
        for (int j = 0; j < law.parameter_count; j++) {
            double nearby[10];
            memcpy(nearby, y, sizeof y);
            nearby[j] = y[j] + h;
            law.evaluate(&law, law.columns, nearby, 4, true, &up);
            nearby[j] = y[j] - h;
            law.evaluate(&law, law.columns, nearby, 4, true, &down);
            for (int i = 0; i < 4; i++) {
                const double L = exp(block.log_loss[i]), above = exp(up.log_loss[i]), below = exp(down.log_loss[i]);
                assert_true(fabs((above - below) / (2 * h) / L - block.slope[j][i]) < 1e-8);
                for (int k = 0; k < law.parameter_count; k++) {
                    const double bend = (up.slope[k][i] * above - down.slope[k][i] * below) / (2 * h) / L;
                    const int pair = j > k ? fit_pair(j, k) : fit_pair(k, j);
                    if (!(fabs(bend - block.curvature[pair][i]) < 1e-8 * (1 + fabs(bend))))
                        fail_msg("variant %d, point %d, %s by %s: %g, not %g", (int)variant, i, law.parameters[j].name,
                                 law.parameters[k].name, block.curvature[pair][i], bend);
                }
            }
        }
        free(room);
    }
}

static void tokens_that_harm_more_than_they_are_leave_no_law(void **state) {
    (void)state;
    static struct fit_block block;
    double *room;
    const double y[] = {0.4, 3, 2, 0.4, 0.5, -0.4, -5};
    const struct fit_law law = law_of(&SMALL, ATLAS_OTHER, &room);
    law.evaluate(&law, law.columns, y, 4, true, &block);
    assert_true(isfinite(block.log_loss[0]) && !isfinite(block.log_loss[2]));
    free(room);
}

/* --- fits --- */

/* The law of a target as it lies over its table. */
struct made {
    struct observation rows[TABLE_ROWS];
    struct mixture_table table;
    struct fit_law law;
    double truth[TRUTH], *room;
};

static void make(const struct atlas_tables *tables, size_t target, double noise, uint64_t seed, struct made *made) {
    double predicted[TABLE_ROWS];
    made->table = atlas_table(tables, target, made->rows);
    made->law = law_of(&made->table, ATLAS_TRANSFER, &made->room);
    atlas_truth(target, made->truth);
    atlas_losses(&made->law, made->truth, noise, seed, made->rows, predicted);
    free(made->room);
    made->law = law_of(&made->table, ATLAS_TRANSFER, &made->room);
}

static struct fit fit_of(const struct fit_law *law, int bootstraps) {
    struct fit fit;
    struct error error = {0};
    if (atlas_fit(law, &(struct fit_options){.delta = 1e-3, .bootstraps = bootstraps, .seed = 1}, &fit, &error))
        fail_msg("%s", error.message);
    return fit;
}

static void law_without_noise_is_found_again(void **state) {
    (void)state;
    static struct atlas_tables tables;
    static struct made made;
    atlas_tables_make(&tables);
    for (size_t target = 0; target < TARGETS_TESTED; target++) {
        make(&tables, target, 0, 0, &made);
        const struct fit fit = fit_of(&made.law, 0);
        assert_int_equal(made.law.parameter_count, TRUTH);
        for (int p = 0; p < TRUTH; p++)
            assert_near(fit.parameters[p], made.truth[p], 1e-6);
        assert_int_equal(fit.undetermined, 0);
        assert_int_equal(fit.basin_count, 1);
        assert_true(fit.basins[0].starts * 8 >= fit.starts * 7);
        free(made.room);
    }
}

/* Counts the tables, one a seed and a target, in which each parameter lies within its interval; 1 % of noise. */
static void count_covered(int seeds, int targets, int bootstraps, int covered[TARGETS][TRUTH]) {
    static struct atlas_tables tables;
    static struct made made;
    atlas_tables_make(&tables);
    memset(covered, 0, TARGETS * sizeof *covered);
    for (int job = 0; job < seeds * targets; job++) {
        const int target = job % targets;
        make(&tables, (size_t)target, 0.01, 1 + (uint64_t)job, &made);
        const struct fit fit = fit_of(&made.law, bootstraps);
        assert_int_equal(fit.undetermined, 0);
        /* an interval that holds everything says nothing */
        assert_true(fit.low[ATLAS_E] > 0.8 * made.truth[ATLAS_E] && fit.high[ATLAS_E] < 1.2 * made.truth[ATLAS_E]);
        for (int p = 0; p < TRUTH; p++)
            covered[target][p] += fit.low[p] <= made.truth[p] && made.truth[p] <= fit.high[p];
        free(made.room);
    }
}

static void intervals_hold_the_law(void **state) {
    (void)state;
    int covered[TARGETS][TRUTH], sum = 0;
    count_covered(SEEDS_TESTED, TARGETS_TESTED, 100, covered);
    for (int t = 0; t < TARGETS_TESTED; t++)
        for (int p = 0; p < TRUTH; p++)
            sum += covered[t][p];
    const int all = SEEDS_TESTED * TARGETS_TESTED * TRUTH;
    print_message("# %d of %d intervals hold their parameter\n", sum, all);
    assert_true(sum * 10 >= all * 9);
}

/* The long version, `make study-atlas`: 100 seeds, every target and parameter on its own. */
static void intervals_hold_each_parameter(void **state) {
    (void)state;
    enum { SEEDS = 100 };
    static const char *const names[TRUTH] = {"E",      "A",         "B",     "alpha", "beta",
                                             "lambda", "tau_other", "tau_1", "tau_2", "tau_3"};
    int covered[TARGETS][TRUTH];
    count_covered(SEEDS, TARGETS, 200, covered);
    print_message("# of %d seeds, those whose 95 %% interval holds the parameter\n# target", SEEDS);
    for (int p = 0; p < TRUTH; p++)
        print_message("%10s", names[p]);
    for (int t = 0; t < TARGETS; t++) {
        print_message("\n# %6d", t + 1);
        for (int p = 0; p < TRUTH; p++)
            print_message("%10d", covered[t][p]);
    }
    print_message("\n");
    for (int t = 0; t < TARGETS; t++)
        for (int p = 0; p < TRUTH; p++)
            assert_true(covered[t][p] >= SEEDS * 9 / 10);
}

static void what_no_point_speaks_of_is_undetermined(void **state) {
    (void)state;
    static struct atlas_tables tables;
    static struct made made;
    double *room;
    atlas_tables_make(&tables);
    make(&tables, 0, 0.01, 1, &made);
    free(made.room);
    size_t kept = 0;
    tables.unique[0] = INFINITY;
    for (size_t i = 0; i < made.table.count; i++) /* nothing but English, and never twice */
        if (made.rows[i].kind == TRAINED_MONOLINGUAL)
            made.rows[kept++] = made.rows[i];
    made.table.count = kept;
    const struct fit_law law = law_of(&made.table, ATLAS_OTHER, &room);
    const struct fit fit = fit_of(&law, 20);
    assert_int_equal(fit.undetermined, 1 << ATLAS_LAMBDA | 1 << ATLAS_TAU_OTHER);
    assert_true(fit.parameters[ATLAS_TAU_OTHER] == 0);
    free(room);
}

static void refuse(const struct mixture_table *table, const char *reason) {
    struct fit_law law;
    struct fit fit;
    struct error error = {0};
    struct atlas_sources sources;
    double *room = NULL;
    atlas_choose_sources(table, &sources);
    assert_true(atlas_law_make(table, ATLAS_TRANSFER, &sources, &law, &room, &error) != 0 ||
                atlas_fit(&law, &(struct fit_options){.delta = 1e-3}, &fit, &error) != 0);
    assert_int_equal(error.code, ERROR_INPUT);
    if (!strstr(error.message, reason))
        fail_msg("\"%s\" does not say \"%s\"", error.message, reason);
    free(room);
}

static void tables_that_cannot_be_fitted_are_refused(void **state) {
    (void)state;
    static struct atlas_tables tables;
    static struct made made;
    atlas_tables_make(&tables);
    make(&tables, 0, 0.01, 1, &made);
    free(made.room);
    struct mixture_table table = made.table;
    table.count = 12;
    refuse(&table, "12 points; at least 13");
    table.count = 4 * TOKEN_COUNTS;
    struct observation *rows = made.rows, first = rows[0];
    const struct {
        double N, D, L;
        const char *reason;
    } bad[] = {{0, 1, 1, "point 1: N is 0"},
               {1, -1, 1, "point 1: D is -1"},
               {1, 1, NAN, "point 1: L is nan"},
               {1, INFINITY, 1, "point 1: D is inf"}};
    for (int i = 0; i < 4; i++) {
        rows[0].N = bad[i].N, rows[0].D = bad[i].D, rows[0].L = bad[i].L;
        refuse(&table, bad[i].reason);
    }
    rows[0] = first;
    for (size_t i = 0; i < table.count; i++)
        rows[i].N = i % 2 ? 1e8 : 1e9;
    refuse(&table, "fewer than 3 distinct N");
    table.count = 0;
    refuse(&table, "fewer than 3 distinct N");
}

/* --- hold-outs --- */

static void held_out(const struct mixture_table *table, enum holdout holdout, size_t expected,
                     struct observation *rows) {
    size_t fitted, held;
    assert_int_equal(holdout_split(table, holdout, 1, rows, &fitted, &held, NULL), 0);
    assert_int_equal(held, expected);
    assert_int_equal(fitted, expected > 0 ? table->count - expected : 0);
}

static void holdouts_are_those_of_the_study(void **state) {
    (void)state;
    static const double share[] = {1};
    static const char *const name[] = {"t"};
    static const double unique[] = {INFINITY};
    struct observation rows[60], split[60];
    for (size_t i = 0; i < 60; i++) /* ten sizes, three token counts, monolingual and a mixture */
        rows[i] = (struct observation){(double)(1 + i % 10), pow(10, (double)(i / 10 % 3)), 1, share,
                                       i < 30 ? TRAINED_MONOLINGUAL : TRAINED_MIXTURE};
    struct mixture_table table = {60, rows, NULL, 1, name, 0, unique};
    held_out(&table, HOLDOUT_N, 12, split);
    for (size_t i = 0; i < 60; i++)
        assert_true((split[i].N >= 9) == (i >= 48));
    held_out(&table, HOLDOUT_D, 20, split); /* a third has the largest D: all of it, or the law would have seen it */
    for (size_t i = 0; i < 60; i++)
        assert_true((split[i].D == 100) == (i >= 40));
    held_out(&table, HOLDOUT_C, 12, split); /* N D >= 500: 5 to 10 at 100 are 12 rows, 10 at 10 would be the next */
    for (size_t i = 0; i < 60; i++)
        assert_true((split[i].N * split[i].D >= 500) == (i >= 48));
    held_out(&table, HOLDOUT_M, 30, split);
    for (size_t i = 0; i < 60; i++)
        assert_true((split[i].kind == TRAINED_MIXTURE) == (i >= 30));
    held_out(&table, HOLDOUT_RANDOM, 12, split);
    size_t fitted, held;
    assert_int_equal(holdout_split(&table, HOLDOUT_NONE, 1, split, &fitted, &held, NULL), 0);
    assert_true(fitted == 60 && held == 0);
    table.count = 30;
    held_out(&table, HOLDOUT_M, 0, split); /* no mixtures */
    table.count = 0;
    for (enum holdout h = HOLDOUT_RANDOM; h < HOLDOUTS; h++)
        held_out(&table, h, 0, split);
}

/* One language, of which some models see every token several times; without noise. */
static void data_constrained_law_joins_the_comparison(void **state) {
    (void)state;
    enum { SIZES = 6, COUNTS = 8 };
    static const double share[] = {1}, E = 1.8, A = 500, B = 1500, alpha = 0.35, beta = 0.36, RD = 15, RN = 5, U = 2e10;
    static const char *const name[] = {"t"};
    struct observation rows[SIZES * COUNTS];
    const double G = pow(alpha * A / (beta * B), 1 / (alpha + beta));
    for (int i = 0; i < SIZES * COUNTS; i++) {
        const int size = i % SIZES, longer = i / SIZES;
        const double N = 1e7 * pow(4, size), D = 1e9 * pow(2.5, longer);
        const double UD = fmin(U, D), UN = fmin(N, G * pow(U * G, beta / alpha));
        const double D_worth = UD + UD * RD * (1 - exp(-(D / UD - 1) / RD));
        const double N_worth = UN + UN * RN * (1 - exp(-(N / UN - 1) / RN));
        const double L = E + A * pow(N_worth, -alpha) + B * pow(D_worth, -beta);
        rows[i] = (struct observation){N, D, L, share, TRAINED_MONOLINGUAL};
    }
    struct mixture_table table = {SIZES * COUNTS, rows, NULL, 1, name, 0, &U};
    struct comparison comparison;
    assert_int_equal(holdout_compare(&table, 1e-3, 1, &comparison, NULL), 0);
    const double *constrained = comparison.r2[COMPARED_DATA_CONSTRAINED], *plain = comparison.r2[COMPARED_CHINCHILLA];
    for (enum holdout h = HOLDOUT_NONE; h < HOLDOUT_M; h++)
        if (!(constrained[h] > 1 - 1e-9 && plain[h] < 1 - 1e-5))
            fail_msg("R2(%s): %.12g, Chinchilla %.12g", holdout_names[h], constrained[h], plain[h]);
    assert_true(isnan(constrained[HOLDOUT_M])); /* no mixtures */
    table.unique = (const double[]){INFINITY};
    assert_int_equal(holdout_compare(&table, 1e-3, 1, &comparison, NULL), 0);
    assert_true(isnan(constrained[HOLDOUT_NONE]) && isfinite(plain[HOLDOUT_NONE]));
}

static void variants_rank_as_in_the_study(void **state) {
    (void)state;
    static struct atlas_tables tables;
    static struct made made;
    struct comparison comparisons[TARGETS], mean;
    struct error error = {0};
    atlas_tables_make(&tables);
    for (size_t target = 0; target < TARGETS_TESTED; target++) {
        make(&tables, target, 0.01, 1 + target, &made);
        if (holdout_compare(&made.table, 1e-3, 1, &comparisons[target], &error) != 0)
            fail_msg("%s", error.message);
        free(made.room);
    }
    holdout_average(comparisons, TARGETS_TESTED, &mean);
    for (int law = 0; law < COMPARED_LAWS; law++) {
        print_message("# %-16s", compared_law_names[law]);
        for (int h = 0; h < HOLDOUTS; h++)
            print_message("  R2(%s) %6.3f", holdout_names[h], mean.r2[law][h]);
        print_message("\n");
    }
    for (int h = 0; h < HOLDOUTS; h++) {
        assert_true(mean.r2[COMPARED_ATLAS_TARGET][h] < mean.r2[COMPARED_ATLAS_OTHER][h]);
        assert_true(mean.r2[COMPARED_ATLAS_OTHER][h] < mean.r2[COMPARED_ATLAS_TRANSFER][h]);
    }
}

int main(int count, char **words) {
    const struct CMUnitTest study[] = {cmocka_unit_test(intervals_hold_each_parameter)};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sources_are_those_with_the_most_tokens),
        cmocka_unit_test(law_is_that_of_the_study),
        cmocka_unit_test(variants_see_less),
        cmocka_unit_test(derivatives_are_those_of_finite_differences),
        cmocka_unit_test(tokens_that_harm_more_than_they_are_leave_no_law),
        cmocka_unit_test(law_without_noise_is_found_again),
        cmocka_unit_test(intervals_hold_the_law),
        cmocka_unit_test(what_no_point_speaks_of_is_undetermined),
        cmocka_unit_test(tables_that_cannot_be_fitted_are_refused),
        cmocka_unit_test(holdouts_are_those_of_the_study),
        cmocka_unit_test(data_constrained_law_joins_the_comparison),
        cmocka_unit_test(variants_rank_as_in_the_study),
    };
    if (count > 1 && strcmp(words[1], "--study") == 0)
        return cmocka_run_group_tests_name("study of the ATLAS law", study, NULL, NULL);
    return cmocka_run_group_tests_name("atlas", tests, NULL, NULL);
}
