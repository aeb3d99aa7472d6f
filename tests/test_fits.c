/* laws/: the fitting engine's intervals and basins, and the laws beside Chinchilla's, against known laws and published
 * runs. */
#include "base/csv.h"
#include "base/random.h"
#include "laws/capacity.h"
#include "laws/chinchilla.h"
#include "laws/data_constrained.h"
#include "laws/multilingual.h"
#include "laws/vector_math.h"
#include "tests/fit_derivatives.h"
#include "tests/test.h"

#include <math.h>
#include <omp.h>

enum { ROWS_MAX = 300, COLUMNS_MAX = 4 };

struct rows {
    size_t count;
    double columns[COLUMNS_MAX][ROWS_MAX];
};

static void assert_near(double value, double expected, double relative) {
    if (!(fabs(value - expected) <= relative * fabs(expected)))
        fail_msg("%.12g is not %.12g", value, expected);
}

static struct rows csv_rows(const char *path, const char *const *names, int name_count) {
    struct rows rows = {0};
    struct csv csv;
    struct error error = {0};
    if (csv_open(&csv, path, &error) != 0)
        fail_msg("%s", error.message);
    while (csv_next(&csv, &error) == 1) {
        assert_true(rows.count < ROWS_MAX);
        for (int c = 0; c < name_count; c++)
            if (csv_number(&csv, csv_column(&csv, names[c]), &rows.columns[c][rows.count], &error) != 0)
                fail_msg("%s", error.message);
        rows.count++;
    }
    csv_close(&csv);
    return rows;
}

static void vector_functions_are_those_of_the_library(void **state) {
    (void)state;
    for (int i = 0; i < 20000; i++) {
        const double x = -700 + 1400 * random_uniform(1, 0, (uint64_t)i);
        assert_near(vector_exp(x), exp(x), 4e-16);
        assert_near(vector_log(exp(x)), log(exp(x)), 4e-16);
    }
    assert_true(vector_exp(0) == 1 && vector_log(1) == 0);
    assert_true(vector_exp(-1e9) == vector_exp(-700) && vector_exp(1e9) == vector_exp(700));
}

/* --- capacity --- */

static const double CAPACITY[CAPACITY_PARAMETERS] = {1.2, 300, 900, 0.35, 0.33, 0.11, -0.04};

static struct rows capacity_rows(uint64_t seed, double noise) {
    static const double Ks[] = {1, 4, 16, 50};
    struct rows rows = {0};
    for (int k = 0; k < 4; k++)
        for (int n = 0; n < 6; n++)
            for (int d = 0; d < 4; d++, rows.count++) {
                const double K = Ks[k], N = 1e7 * pow(3, n), D = 1e9 * pow(4, d);
                const double law = CAPACITY[0] + CAPACITY[1] * pow(K, CAPACITY[5]) * pow(N, -CAPACITY[3]) +
                                   CAPACITY[2] * pow(K, CAPACITY[6]) * pow(D, -CAPACITY[4]);
                rows.columns[0][rows.count] = K;
                rows.columns[1][rows.count] = N;
                rows.columns[2][rows.count] = D;
                rows.columns[3][rows.count] = law * exp(noise * random_normal(seed, 0, rows.count));
            }
    return rows;
}

/* One start for each exponent instead of five: the grid is tested by test_laws, and here are many fits. */
static void thin_starts(struct fit_law *law, int alpha, int beta) {
    law->parameters[alpha].start_count = law->parameters[beta].start_count = 1;
    law->parameters[alpha].starts[0] = law->parameters[beta].starts[0] = 0.5;
}

static struct fit capacity_fit(const struct rows *rows, const struct fit_options *options) {
    const struct capacity_table table = {rows->count, rows->columns[0], rows->columns[1], rows->columns[2],
                                         rows->columns[3]};
    struct fit_law law;
    struct fit fit;
    struct error error = {0};
    double *room;
    if (capacity_law(&table, &law, &room, &error) != 0)
        fail_msg("%s", error.message);
    thin_starts(&law, CAPACITY_ALPHA, CAPACITY_BETA);
    if (fit_law(&law, options, &fit, &error) != 0)
        fail_msg("%s", error.message);
    free(room);
    return fit;
}

static void capacity_law_without_noise_is_found_again(void **state) {
    (void)state;
    const struct rows rows = capacity_rows(1, 0);
    const struct fit fit = capacity_fit(&rows, &(struct fit_options){.delta = 1e-3});
    for (int j = 0; j < CAPACITY_PARAMETERS; j++)
        assert_near(fit.parameters[j], CAPACITY[j], 1e-6);
    assert_int_equal(fit.undetermined, 0);
}

#ifdef __SANITIZE_ADDRESS__
enum { SEEDS = 3 }; /* the sanitizers look for other faults, slowly */
#else
enum { SEEDS = 100 };
#endif

static void capacity_intervals_hold_the_truth(void **state) {
    (void)state;
    int held[CAPACITY_PARAMETERS] = {0}, known = 0; /* known: fits that determine all exponents */
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        const struct rows rows = capacity_rows(seed, 0.01);
        const struct fit fit =
            capacity_fit(&rows, &(struct fit_options){.delta = 1e-3, .bootstraps = 400, .seed = seed});
        known += fit.undetermined >> CAPACITY_ALPHA == 0;
        for (int j = 0; j < CAPACITY_PARAMETERS; j++)
            held[j] += fit.undetermined >> j & 1 || (fit.low[j] <= CAPACITY[j] && CAPACITY[j] <= fit.high[j]);
    }
    print_message(
        "# capacity: of %d seeds, 95 %% intervals hold Linf %d, A %d, B %d, alpha %d, beta %d, phi %d, psi %d\n", SEEDS,
        held[0], held[1], held[2], held[3], held[4], held[5], held[6]);
    assert_int_equal(known, SEEDS);
    for (int j = 0; j < CAPACITY_PARAMETERS; j++)
        assert_true(held[j] >= SEEDS * 9 / 10);
}

static void capacity_multipliers_are_those_of_the_paper(void **state) {
    (void)state; /* exponents 0.728 and 0.243; printed to two decimals */
    const double law[CAPACITY_PARAMETERS] = {1, 1, 1, 0.11 / 0.243, 0.04 / 0.272, 0.11, -0.04};
    const double D_total[] = {1.66, 2.74, 4.54, 7.52}, N[] = {1.18, 1.40, 1.66, 1.96};
    for (int i = 0; i < 4; i++) {
        const struct capacity_multiplier m = capacity_multiply(law, pow(2, i + 1));
        assert_true(fabs(m.D_total - D_total[i]) < 0.01 && fabs(m.N - N[i]) < 0.006);
        assert_near(m.C, m.N * m.D_total, 1e-12);
    }
}

static void iso_loss_curve_passes_through_the_multipliers_and_ends(void **state) {
    (void)state;
    const struct capacity_multiplier m = capacity_multiply(CAPACITY, 4);
    assert_near(capacity_data_factor(CAPACITY, 4, m.N) * 4, m.D_total, 1e-12);
    const double least = capacity_least_size(CAPACITY, 4);
    assert_true(isnan(capacity_data_factor(CAPACITY, 4, least * (1 - 1e-9))));
    assert_true(capacity_data_factor(CAPACITY, 4, least * (1 + 1e-6)) > 1e6);
    assert_near(capacity_data_factor(CAPACITY, 1, 1), 1, 1e-12);
}

/* --- multilingual --- */

static void multilingual_law_without_noise_is_found_again(void **state) {
    (void)state;
    static const double truth[] = {1.2, 300, 900, 0.35, 0.33, 0.12}, shares[] = {0.1, 0.3, 1};
    struct rows rows = {0};
    for (int n = 0; n < 4; n++)
        for (int d = 0; d < 4; d++)
            for (int s = 0; s < 3; s++, rows.count++) {
                const double N = 1e7 * pow(5, n), D = 1e9 * pow(4, d);
                rows.columns[0][rows.count] = N;
                rows.columns[1][rows.count] = D;
                rows.columns[2][rows.count] = shares[s];
                rows.columns[3][rows.count] = (truth[0] + truth[1] * pow(N, -truth[3]) + truth[2] * pow(D, -truth[4])) *
                                              pow(shares[s], -truth[5]);
            }
    struct share_table table = {rows.count, rows.columns[0], rows.columns[1], rows.columns[2], rows.columns[3]};
    struct fit_law law;
    struct fit fit;
    struct error error = {0};
    double *room;
    assert_int_equal(multilingual_law(&table, &law, &room, &error), 0);
    assert_derivatives(&law, (const double[]){-0.6, -1.8, -1.4, 0.6, 0.9, 0.02});
    thin_starts(&law, MULTILINGUAL_ALPHA, MULTILINGUAL_BETA);
    assert_int_equal(fit_law(&law, &(struct fit_options){.delta = 1e-3}, &fit, &error), 0);
    free(room);
    for (int j = 0; j < MULTILINGUAL_PARAMETERS; j++)
        assert_near(fit.parameters[j], truth[j], 1e-6);
    assert_int_equal(fit.undetermined, 0);

    rows.columns[2][5] = 30; /* percent */
    assert_int_equal(multilingual_law(&table, &law, &room, &error), -1);
    assert_non_null(strstr(error.message, "row 6: p is 30"));
}

/* --- data-constrained --- */

static struct repeated_table repeated_table_of(const struct rows *rows) {
    return (struct repeated_table){.count = rows->count,
                                   .N = rows->columns[0],
                                   .D = rows->columns[1],
                                   .U = rows->columns[2],
                                   .L = rows->columns[3]};
}

static struct fit repeated_fit(const struct rows *rows, const double *held, const struct fit_options *options) {
    const struct repeated_table table = repeated_table_of(rows);
    struct fit_law law;
    struct fit fit;
    struct error error = {0};
    if (data_constrained_fit(&table, held, options, &law, &fit, &error) != 0)
        fail_msg("%s", error.message);
    return fit;
}

/* The first five as Muennighoff et al. hold them. */
static void published_first_stage(double *held) {
    const double values[] = {exp(.6254804), exp(6.255414), exp(7.3049974), .3526596, .3526596, NAN, NAN};
    memcpy(held, values, sizeof values);
}

static void published_repetitions_give_their_optimum_and_the_published_basin(void **state) {
    (void)state;
    const struct rows rows =
        csv_rows("tests/data/laws/datablations_fit182.csv", (const char *const[]){"N", "D", "U", "L"}, 4);
    assert_int_equal(rows.count, 182);
    double held[REPEATED_PARAMETERS];
    published_first_stage(held);
    const struct fit fit = repeated_fit(&rows, held, &(struct fit_options){.delta = 1e-3});
    assert_near(fit.objective, 1.58046625e-2, 1e-8);
    assert_near(fit.parameters[REPEATED_RD], 95.37, 1e-3);
    assert_near(fit.parameters[REPEATED_RN], 1.706, 1e-3);
    bool published = false;
    for (int b = 1; b < fit.basin_count; b++) {
        const double *parameters = fit.basins[b].parameters;
        print_message("# data-constrained: also a minimum of %.8e at RD %.4f, RN %.4f (%zu starts)\n",
                      fit.basins[b].objective, parameters[REPEATED_RD], parameters[REPEATED_RN], fit.basins[b].starts);
        published = published || (fabs(fit.basins[b].objective - 1.58259e-2) < 1e-7 &&
                                  fabs(parameters[REPEATED_RD] - 15.387756) < 0.02 &&
                                  fabs(parameters[REPEATED_RN] - 5.309743) < 0.01);
    }
    assert_true(published);
}

/* The published numbers of the objective and of R2 at the published parameters. */
static void law_of_repetitions_is_the_published_one(void **state) {
    (void)state;
    const struct rows rows =
        csv_rows("tests/data/laws/datablations_fit182.csv", (const char *const[]){"N", "D", "U", "L"}, 4);
    const struct repeated_table table = repeated_table_of(&rows);
    double parameters[REPEATED_PARAMETERS], *room;
    struct fit_law law;
    struct fit_objective objective;
    published_first_stage(parameters);
    parameters[REPEATED_RD] = 15.387756;
    parameters[REPEATED_RN] = 5.309743;
    assert_int_equal(data_constrained_law(&table, parameters, &law, &room, NULL), 0);
    assert_int_equal(fit_objective_make(&law, 1e-3, NULL, law.count, &objective, NULL), 0);
    const double x[] = {log(15.387756), log(5.309743)};
    assert_near(fit_value(&(struct fit_weighted){&objective, NULL}, x, NULL, NULL), 1.58259352580e-2, 1e-10);
    assert_near(fit_r2(&law, parameters), 0.77220460850, 1e-9);
    for (int j = 0; j < REPEATED_RD; j++) { /* nothing held: derivatives by all seven */
        law.parameters[j].held = false;
        law.parameters[j].offset = law.parameters[j].logarithmic ? log(parameters[j]) : parameters[j];
    }
    assert_derivatives(&law, (const double[]){0.01, -0.02, 0.03, 0.001, -0.002, 2.7, 1.6});
    free(objective.room);
    free(room);
}

static void resamples_have_the_parameters_of_both_stages(void **state) {
    (void)state;
    double held[REPEATED_PARAMETERS], resamples[2][FIT_PARAMETERS_MAX];
    const struct rows rows =
        csv_rows("tests/data/laws/datablations_fit182.csv", (const char *const[]){"N", "D", "U", "L"}, 4);
    published_first_stage(held);
    held[REPEATED_E] = NAN; /* the first stage fits this one */
    repeated_fit(&rows, held, &(struct fit_options){.delta = 1e-3, .bootstraps = 2, .resamples = resamples});
    for (int j = 0; j < REPEATED_PARAMETERS; j++)
        assert_true(isnan(held[j]) ? resamples[0][j] != resamples[1][j] : resamples[1][j] == held[j]);
}

static void both_stages_without_noise_are_found_again(void **state) {
    (void)state;
    static const double truth[] = {1.8, 500, 1500, 0.35, 0.36, 15, 5};
    struct rows rows = {0};
    const double G = pow(truth[3] * truth[1] / (truth[4] * truth[2]), 1 / (truth[3] + truth[4]));
    for (int u = 0; u < 4; u++)
        for (int n = 0; n < 6; n++)
            for (int d = 0; d < 4; d++, rows.count++) {
                const double U = 1e8 * pow(10, u), N = 1e7 * pow(3, n), D = 5e8 * pow(4, d);
                const double UD = fmin(U, D), UN = fmin(N, G * pow(U * G, truth[4] / truth[3]));
                const double D_worth = UD + UD * truth[5] * (1 - exp(-(D / UD - 1) / truth[5]));
                const double N_worth = UN + UN * truth[6] * (1 - exp(-(N / UN - 1) / truth[6]));
                rows.columns[0][rows.count] = N;
                rows.columns[1][rows.count] = D;
                rows.columns[2][rows.count] = U;
                rows.columns[3][rows.count] =
                    truth[0] + truth[1] * pow(N_worth, -truth[3]) + truth[2] * pow(D_worth, -truth[4]);
            }
    double held[REPEATED_PARAMETERS] = {NAN, NAN, NAN, NAN, NAN, NAN, NAN};
    const struct fit fit = repeated_fit(&rows, held, &(struct fit_options){.delta = 1e-3});
    for (int j = 0; j < REPEATED_PARAMETERS; j++)
        assert_near(fit.parameters[j], truth[j], 1e-6);

    for (size_t i = 0; i < rows.count; i++)
        rows.columns[2][i] = 1e15;
    const struct repeated_table table = repeated_table_of(&rows);
    struct fit_law law;
    struct fit none;
    struct error error = {0};
    assert_int_equal(data_constrained_fit(&table, held, &(struct fit_options){.delta = 1e-3}, &law, &none, &error), -1);
    assert_non_null(strstr(error.message, "no row has D above U"));
}

/* --- the engine --- */

static struct rows chinchilla_rows(size_t count, double noise) {
    struct rows rows = {.count = count};
    for (size_t i = 0; i < count; i++) {
        const double N = 1e7 * pow(300, random_uniform(7, 0, i)), D = 1e9 * pow(300, random_uniform(7, 1, i));
        rows.columns[0][i] = N;
        rows.columns[1][i] = D;
        rows.columns[2][i] = (1.8 + 480 * pow(N, -0.35) + 2100 * pow(D, -0.37)) * exp(noise * random_normal(7, 2, i));
    }
    return rows;
}

static struct fit chinchilla_fit(const struct rows *rows, const struct fit_options *options, int held, double value) {
    const struct loss_table table = {rows->count, rows->columns[0], rows->columns[1], rows->columns[2]};
    struct fit_law law;
    struct fit fit;
    struct error error = {0};
    double *room;
    if (chinchilla_law(&table, &law, &room, &error) != 0)
        fail_msg("%s", error.message);
    thin_starts(&law, CHINCHILLA_ALPHA, CHINCHILLA_BETA);
    if (held >= 0) {
        law.parameters[held].held = true;
        law.parameters[held].value = value;
    }
    if (fit_law(&law, options, &fit, &error) != 0)
        fail_msg("%s", error.message);
    free(room);
    return fit;
}

static void bootstrap_is_the_same_for_any_number_of_threads_and_not_for_any_seed(void **state) {
    (void)state;
    const struct rows rows = chinchilla_rows(60, 0.01);
    const struct fit_options first = {.delta = 1e-3, .bootstraps = 50, .seed = 1};
    const struct fit_options second = {.delta = 1e-3, .bootstraps = 50, .seed = 2};
    const int threads = omp_get_max_threads();
    omp_set_num_threads(1);
    const struct fit one = chinchilla_fit(&rows, &first, -1, 0), other = chinchilla_fit(&rows, &second, -1, 0);
    omp_set_num_threads(3);
    const struct fit three = chinchilla_fit(&rows, &first, -1, 0);
    omp_set_num_threads(threads);
    for (int j = 0; j < CHINCHILLA_PARAMETERS; j++) {
        assert_true(one.standard_errors[j] == three.standard_errors[j] && one.low[j] == three.low[j]);
        assert_true(one.standard_errors[j] != other.standard_errors[j]);
        assert_true(one.low[j] < one.parameters[j] && one.parameters[j] < one.high[j]);
    }
}

/* Curves of 25 runs, ten points each. What is particular about a run is common to its points. */
enum { RUNS = 25, CURVE = 10 };
static struct rows curve_rows(uint64_t seed, uint64_t *runs) {
    struct rows rows = {.count = RUNS * CURVE};
    for (size_t i = 0; i < rows.count; i++) {
        const size_t run = runs[i] = i / CURVE;
        const double N = 1e7 * pow(2, (double)(run % 9)), D = 1e9 * pow(1.8, (double)(i % CURVE));
        rows.columns[0][i] = N;
        rows.columns[1][i] = D;
        rows.columns[2][i] = (1.8 + 480 * pow(N, -0.35) + 2100 * pow(D, -0.37)) *
                             exp(0.01 * random_normal(seed, 0, run) + 0.001 * random_normal(seed, 1, i));
    }
    return rows;
}

static struct fit curve_fit(const struct rows *rows, const uint64_t *runs, int bootstraps) {
    const struct loss_table table = {rows->count, rows->columns[0], rows->columns[1], rows->columns[2]};
    struct fit_law law;
    struct fit fit;
    struct error error = {0};
    double *room;
    assert_int_equal(chinchilla_law(&table, &law, &room, &error), 0);
    law.runs = runs;
    if (fit_law(&law, &(struct fit_options){.delta = 1e-3, .bootstraps = bootstraps, .seed = 1, .thin = true}, &fit,
                &error) != 0)
        fail_msg("%s", error.message);
    free(room);
    return fit;
}

static void resamples_of_runs_hold_the_truth_where_those_of_points_do_not(void **state) {
    (void)state;
    static const double truth[] = {1.8, 480, 2100, 0.35, 0.37};
    int by_run = 0, by_point = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        uint64_t runs[RUNS * CURVE];
        const struct rows rows = curve_rows(seed, runs);
        const struct fit whole = curve_fit(&rows, runs, 100), single = curve_fit(&rows, NULL, 100);
        assert_true(whole.runs_drawn == RUNS && single.runs_drawn == 0 && whole.resamples == 100);
        for (int j = CHINCHILLA_E; j <= CHINCHILLA_A; j++) { /* what differs from run to run */
            by_run += whole.low[j] <= truth[j] && truth[j] <= whole.high[j];
            by_point += single.low[j] <= truth[j] && truth[j] <= single.high[j];
        }
    }
    print_message("# of %d intervals of E and A, those of runs hold %d, of points %d\n", 2 * SEEDS, by_run, by_point);
    assert_true(SEEDS < 100 || (by_run >= 2 * SEEDS * 9 / 10 && by_point < 2 * SEEDS * 3 / 4));
}

static void runs_are_drawn_where_there_are_enough(void **state) {
    (void)state;
    uint64_t runs[RUNS * CURVE];
    const struct rows rows = curve_rows(1, runs);
    const struct fit points = curve_fit(&rows, NULL, 20);
    for (size_t i = 0; i < rows.count; i++)
        runs[i] = i / 36; /* seven: fewer than points are needed */
    const struct fit few = curve_fit(&rows, runs, 20);
    for (size_t i = 0; i < rows.count; i++)
        runs[i] = UINT64_MAX - 300 + i; /* a run a point is the same as no runs */
    const struct fit single = curve_fit(&rows, runs, 20);
    assert_true(few.runs_drawn == 0 && single.runs_drawn == rows.count);
    for (int j = 0; j < CHINCHILLA_PARAMETERS; j++)
        assert_true(few.standard_errors[j] == points.standard_errors[j] && single.low[j] == points.low[j]);
}

static void resamples_are_what_standard_errors_are_made_of(void **state) {
    (void)state;
    enum { SAMPLES = 30 };
    double resamples[SAMPLES][FIT_PARAMETERS_MAX];
    const struct rows rows = chinchilla_rows(60, 0.01);
    const struct fit_options options = {.delta = 1e-3, .bootstraps = SAMPLES, .seed = 1, .resamples = resamples};
    const struct fit fit = chinchilla_fit(&rows, &options, CHINCHILLA_E, 1.8);
    for (int j = 0; j < CHINCHILLA_PARAMETERS; j++) {
        double mean = 0, square = 0;
        for (int s = 0; s < SAMPLES; s++)
            mean += resamples[s][j] / SAMPLES;
        for (int s = 0; s < SAMPLES; s++)
            square += (resamples[s][j] - mean) * (resamples[s][j] - mean);
        assert_true(fabs(sqrt(square / (SAMPLES - 1)) - fit.standard_errors[j]) <= 1e-9 * fabs(mean));
        assert_true(j == CHINCHILLA_E ? resamples[7][j] == 1.8 : fit.standard_errors[j] > 0);
    }
}

static void held_parameters_stay_and_the_rest_is_fitted(void **state) {
    (void)state;
    const struct rows rows = chinchilla_rows(60, 0);
    const struct fit_options options = {.delta = 1e-3, .bootstraps = 10, .seed = 1};
    const double truth[] = {1.8, 480, 2100, 0.35, 0.37};
    for (int held = 0; held < CHINCHILLA_PARAMETERS; held++) {
        const struct fit fit = chinchilla_fit(&rows, &options, held, truth[held]);
        for (int j = 0; j < CHINCHILLA_PARAMETERS; j++)
            assert_near(fit.parameters[j], truth[j], 1e-6);
        assert_true(fit.standard_errors[held] == 0 && fit.low[held] == truth[held]);
        assert_int_equal(fit.starts, held >= CHINCHILLA_ALPHA ? 180 : held == CHINCHILLA_E ? 36 : 30);
    }
    const struct fit wrong = chinchilla_fit(&rows, &options, CHINCHILLA_E, 1.5);
    assert_true(wrong.objective > 1e-4 && wrong.parameters[CHINCHILLA_E] == 1.5);
}

/* A table that is searched on a part of its points ends in the optimum of all. */
static void large_tables_end_in_the_optimum_of_all_points(void **state) {
    (void)state;
    enum { POINTS = 3000 };
    static double N[POINTS], D[POINTS], L[POINTS];
    for (size_t i = 0; i < POINTS; i++) {
        N[i] = 1e7 * pow(300, random_uniform(8, 0, i));
        D[i] = 1e9 * pow(300, random_uniform(8, 1, i));
        L[i] = (1.8 + 480 * pow(N[i], -0.35) + 2100 * pow(D[i], -0.37)) * exp(0.01 * random_normal(8, 2, i));
    }
    const struct loss_table table = {POINTS, N, D, L};
    struct fit_law law;
    struct fit fit;
    double *room;
    assert_int_equal(chinchilla_law(&table, &law, &room, NULL), 0);
    for (int j = 0; j < CHINCHILLA_PARAMETERS; j++) /* 32 starts do */
        law.parameters[j].start_count = 2;
    assert_int_equal(fit_law(&law, &(struct fit_options){.delta = 1e-3}, &fit, NULL), 0);
    struct fit_objective objective;
    assert_int_equal(fit_objective_make(&law, 1e-3, NULL, POINTS, &objective, NULL), 0);
    double x[CHINCHILLA_PARAMETERS], y[CHINCHILLA_PARAMETERS], gradient[CHINCHILLA_PARAMETERS];
    fit_y_of_parameters(&law, fit.parameters, y);
    x[CHINCHILLA_ALPHA] = y[CHINCHILLA_ALPHA] / law.parameters[CHINCHILLA_ALPHA].scale;
    x[CHINCHILLA_BETA] = y[CHINCHILLA_BETA] / law.parameters[CHINCHILLA_BETA].scale;
    for (int j = CHINCHILLA_E; j <= CHINCHILLA_B; j++)
        x[j] = y[j] - law.parameters[j].offset - law.parameters[j].link[CHINCHILLA_ALPHA] * y[CHINCHILLA_ALPHA] -
               law.parameters[j].link[CHINCHILLA_BETA] * y[CHINCHILLA_BETA];
    assert_near(fit_value(&(struct fit_weighted){&objective, NULL}, x, gradient, NULL), fit.objective, 1e-12);
    for (int j = 0; j < CHINCHILLA_PARAMETERS; j++)
        assert_true(fabs(gradient[j]) < 1e-11);
    assert_int_equal(fit.points, POINTS);
    free(objective.room);
    free(room);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vector_functions_are_those_of_the_library),
        cmocka_unit_test(capacity_law_without_noise_is_found_again),
        cmocka_unit_test(capacity_intervals_hold_the_truth),
        cmocka_unit_test(capacity_multipliers_are_those_of_the_paper),
        cmocka_unit_test(iso_loss_curve_passes_through_the_multipliers_and_ends),
        cmocka_unit_test(multilingual_law_without_noise_is_found_again),
        cmocka_unit_test(published_repetitions_give_their_optimum_and_the_published_basin),
        cmocka_unit_test(law_of_repetitions_is_the_published_one),
        cmocka_unit_test(resamples_have_the_parameters_of_both_stages),
        cmocka_unit_test(both_stages_without_noise_are_found_again),
        cmocka_unit_test(bootstrap_is_the_same_for_any_number_of_threads_and_not_for_any_seed),
        cmocka_unit_test(resamples_of_runs_hold_the_truth_where_those_of_points_do_not),
        cmocka_unit_test(runs_are_drawn_where_there_are_enough),
        cmocka_unit_test(resamples_are_what_standard_errors_are_made_of),
        cmocka_unit_test(held_parameters_stay_and_the_rest_is_fitted),
        cmocka_unit_test(large_tables_end_in_the_optimum_of_all_points),
    };
    return cmocka_run_group_tests_name("fits", tests, NULL, NULL);
}
