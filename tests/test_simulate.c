/* Studies on virtual time. A FLOP a second, so that costs are seconds. */
#include "orchestrator/simulate.h"
#include "tests/test.h"

#include <math.h>
#include <time.h>

enum { STUDY_RUNS = 774, MANY_RUNS = 100000 };

static struct planned_run runs[MANY_RUNS];
static struct plan plan = {0, runs};

static void begin(size_t count) {
    plan.count = count;
    for (size_t run = 0; run < count; run++)
        runs[run] = (struct planned_run){.flops = 1, .ranks = 1, .waits_for = WAITS_FOR_NOTHING};
}

static struct simulation simulated(uint32_t workers) {
    struct simulation simulation;
    struct error error = {0};
    if (simulate(&plan, workers, 1, &simulation, &error) != 0)
        fail_msg("%s", error.message);
    assert_true(simulation.utilisation > 0 && simulation.utilisation <= 1);
    assert_true(simulation.makespan >= simulation.lower_bound * (1 - 1e-12));
    return simulation;
}

static void almost(double value, double expected) {
    if (!(fabs(value - expected) <= 1e-12 * fabs(expected)))
        fail_msg("%.17g, not %.17g", value, expected);
}

/* A grid like that of the published study: 20 sizes, the largest with so many times the parameters of the smallest
 * (10 million), and several amounts of tokens, around 20 a parameter. chains: every sixth run of the later half is a
 * finetune of one from the first half. */
static void begin_study(double largest, bool wide, bool chains) {
    begin(STUDY_RUNS);
    for (size_t run = 0; run < STUDY_RUNS; run++) {
        const size_t size = run % 20;
        const double parameters = 10e6 * pow(largest, (double)size / 19);
        const double tokens = 20 * parameters * (0.5 + (double)(run / 20 * 7 % 11) / 10);
        runs[run].flops = 6 * parameters * tokens;
        if (wide)
            runs[run].ranks = size > 17 ? 8 : size > 15 ? 4 : size > 12 ? 2 : 1;
        if (chains && run >= STUDY_RUNS / 2 && run % 6 == 0) {
            runs[run].waits_for = (int64_t)(run - STUDY_RUNS / 2);
            runs[run].flops /= 5;
        }
    }
}

static void a_study_is_done_in_little_more_than_its_lower_bound(void **state) {
    (void)state;
    for (int kind = 0; kind < 8; kind++) {
        begin_study(kind & 4 ? 5 : 800, kind & 1, kind & 2);
        for (uint32_t workers = 64; workers <= 4096; workers *= 4) {
            const struct simulation simulation = simulated(workers);
            printf("# %u workers%s%s%s: %.4f of the lower bound, utilisation %.4f\n", workers,
                   kind & 4 ? ", like sizes" : "", kind & 1 ? ", groups" : "", kind & 2 ? ", chains" : "",
                   simulation.makespan / simulation.lower_bound, simulation.utilisation);
            assert_true(simulation.makespan <= 1.05 * simulation.lower_bound);
        }
    }
}

static void one_worker_does_one_run_after_the_other(void **state) {
    (void)state;
    begin(5);
    runs[3].flops = 4;
    runs[1].waits_for = 4;
    const struct simulation simulation = simulated(1);
    almost(simulation.makespan, 8);
    almost(simulation.lower_bound, 8);
    almost(simulation.critical_path, 4);
    assert_int_equal(simulation.critical_run, 3);
    almost(simulation.utilisation, 1);
}

static void a_chain_takes_as_long_as_its_runs(void **state) {
    (void)state;
    begin(6);
    for (int64_t run = 1; run < 4; run++)
        runs[run].waits_for = run - 1;
    runs[5].waits_for = 3;
    runs[4].flops = 4.5;
    const struct simulation simulation = simulated(64);
    almost(simulation.makespan, 5);
    almost(simulation.critical_path, 5);
    assert_int_equal(simulation.critical_run, 0);
    almost(simulation.utilisation, 9.5 / (64 * 5));
}

static void several_ranks_are_so_much_faster(void **state) {
    (void)state;
    begin(2);
    runs[0] = (struct planned_run){.flops = 80, .ranks = 8, .waits_for = WAITS_FOR_NOTHING};
    runs[1].flops = 7;
    almost(simulated(8).makespan, 17);
    almost(simulated(9).makespan, 10);
    almost(simulated(3).makespan, 40); /* on two ranks */
    struct simulation fast;
    assert_int_equal(simulate(&plan, 8, 2, &fast, NULL), 0);
    almost(fast.makespan, 8.5);
}

static void the_same_plan_gives_the_same_bits(void **state) {
    (void)state;
    begin_study(800, true, true);
    const struct simulation first = simulated(256), second = simulated(256);
    assert_memory_equal(&first.makespan, &second.makespan, sizeof first.makespan);
    assert_memory_equal(&first.utilisation, &second.utilisation, sizeof first.utilisation);
}

/* Runs of all widths, a quarter of them chains. */
static double seconds_to_simulate(size_t count, uint32_t workers) {
    begin(count);
    for (size_t run = 0; run < count; run++) {
        runs[run].flops = 1 + (double)(run * 7919 % 10007);
        runs[run].ranks = 1U << run * 31 % 4;
        if (run % 4 == 3)
            runs[run].waits_for = (int64_t)(run / 8);
    }
    const clock_t start = clock();
    simulated(workers);
    return (double)(clock() - start) / CLOCKS_PER_SEC;
}

/* Ten times the runs would take 100 times as long if each looked at all others. */
static void time_grows_with_the_runs_and_not_with_their_square(void **state) {
    (void)state;
    const double few = seconds_to_simulate(MANY_RUNS / 10, 64), many = seconds_to_simulate(MANY_RUNS, 64);
    printf("# %d runs: %.2f s over 64 workers, %.2f s over 4096\n", MANY_RUNS, many,
           seconds_to_simulate(MANY_RUNS, 4096));
    assert_true(many < 40 * few);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_study_is_done_in_little_more_than_its_lower_bound),
        cmocka_unit_test(one_worker_does_one_run_after_the_other),
        cmocka_unit_test(a_chain_takes_as_long_as_its_runs),
        cmocka_unit_test(several_ranks_are_so_much_faster),
        cmocka_unit_test(the_same_plan_gives_the_same_bits),
        cmocka_unit_test(time_grows_with_the_runs_and_not_with_their_square),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
