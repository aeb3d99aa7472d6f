/* Which run comes next. */
#include "orchestrator/schedule.h"
#include "tests/test.h"

enum { RUNS_MOST = 8 };

static struct planned_run runs[RUNS_MOST];
static struct plan plan = {0, runs};
static struct schedule schedule;

/* A plan of runs with these costs, of one rank each. */
static void planned(size_t count, const double *flops) {
    plan.count = count;
    for (size_t run = 0; run < count; run++)
        runs[run] = (struct planned_run){.flops = flops[run], .ranks = 1, .waits_for = WAITS_FOR_NOTHING};
}

static void begin(uint32_t ranks_most) {
    assert_int_equal(schedule_make(&schedule, &plan, NULL), 0);
    schedule.ranks_most = ranks_most;
}

static int end(void **state) {
    (void)state;
    schedule_free(&schedule);
    return 0;
}

static void costliest_ready_run_comes_first(void **state) {
    (void)state;
    planned(4, (double[]){1, 9, 5, 5});
    begin(4);
    assert_int_equal(schedule_next(&schedule, 0, 0), SCHEDULE_NOTHING_READY);
    assert_int_equal(schedule_next(&schedule, 4, 0), 1);
    assert_int_equal(schedule_next(&schedule, 3, 0), 2);
    assert_int_equal(schedule_next(&schedule, 2, 0), 3);
    assert_int_equal(schedule_next(&schedule, 1, 0), 0);
    assert_int_equal(schedule.counts[RUN_RUNNING], 4);
    schedule_set(&schedule, 2, RUN_DONE, 1);
    assert_int_equal(schedule_next(&schedule, 1, 1), SCHEDULE_NOTHING_READY);
    assert_int_equal(schedule.counts[RUN_DONE], 1);
    assert_int_equal(schedule.counts[RUN_WAITING], 0);
}

/* 1 and 2 wait for 0, and 4 for 2: 0 has a chain of 1 + 3 + 4 behind it. */
static void what_waits_for_a_run_counts(void **state) {
    (void)state;
    planned(6, (double[]){1, 2, 3, 7.5, 4, 6});
    runs[1].waits_for = runs[2].waits_for = 0;
    runs[4].waits_for = 2;
    begin(6);
    assert_int_equal(schedule_next(&schedule, 6, 0), 0);
    assert_int_equal(schedule_next(&schedule, 5, 0), 3);
    assert_int_equal(schedule_next(&schedule, 4, 0), 5);
    assert_int_equal(schedule_next(&schedule, 3, 0), SCHEDULE_NOTHING_READY);
    schedule_set(&schedule, 0, RUN_DONE, 1);
    assert_int_equal(schedule_next(&schedule, 4, 1), 2);
    assert_int_equal(schedule_next(&schedule, 3, 1), 1);
    assert_int_equal(schedule_next(&schedule, 2, 1), SCHEDULE_NOTHING_READY);
    schedule_set(&schedule, 2, RUN_DONE, 4);
    assert_int_equal(schedule_next(&schedule, 3, 4), 4);
}

static void run_that_waits_for_a_failed_one_never_starts(void **state) {
    (void)state;
    planned(2, (double[]){1, 1});
    runs[1].waits_for = 0;
    begin(2);
    assert_int_equal(schedule_next(&schedule, 2, 0), 0);
    schedule_set(&schedule, 0, RUN_FAILED, 1);
    assert_int_equal(schedule_next(&schedule, 2, 1), SCHEDULE_NOTHING_READY);
    assert_int_equal(schedule.counts[RUN_WAITING], 1);
}

static void done_runs_are_not_scheduled_again(void **state) {
    (void)state;
    planned(2, (double[]){2, 1});
    begin(2);
    schedule_set(&schedule, 0, RUN_DONE, 0);
    assert_int_equal(schedule_next(&schedule, 2, 0), 1);
    assert_int_equal(schedule_next(&schedule, 1, 0), SCHEDULE_NOTHING_READY);
}

static void run_that_failed_is_tried_behind_all_others(void **state) {
    (void)state;
    planned(3, (double[]){9, 5, 1});
    begin(1);
    assert_int_equal(schedule_next(&schedule, 1, 0), 0);
    schedule_set(&schedule, 0, RUN_FAILED, 1);
    schedule_try_again(&schedule, 0, 1);
    assert_int_equal(schedule_next(&schedule, 1, 1), 1);
    assert_int_equal(schedule_next(&schedule, 1, 1), 2);
    assert_int_equal(schedule_next(&schedule, 1, 1), 0);
    assert_int_equal(schedule.counts[RUN_RUNNING], 3);
    assert_int_equal(schedule.counts[RUN_FAILED], 0);
}

static void idle_ranks_wait_for_a_large_run(void **state) {
    (void)state;
    planned(3, (double[]){100, 7, 8});
    runs[0].ranks = 4;
    begin(4);
    schedule_set(&schedule, 1, RUN_RUNNING, 0); /* one rank is busy */
    assert_int_equal(schedule_next(&schedule, 3, 0), SCHEDULE_NOTHING_READY);
    schedule_set(&schedule, 1, RUN_DONE, 8);
    assert_int_equal(schedule_next(&schedule, 4, 8), 0);
    assert_int_equal(schedule_next(&schedule, 0, 8), SCHEDULE_NOTHING_READY);
}

/* A FLOP takes a second. Ranks are kept for run 0 until run 1 ends at 10; by then 2 and 3 would not have ended. */
static void short_runs_fill_the_time_that_ranks_wait(void **state) {
    (void)state;
    planned(6, (double[]){100, 10, 8, 7, 6, 1});
    runs[0].ranks = 4;
    runs[4].ranks = 2; /* three seconds */
    begin(4);
    schedule_set(&schedule, 5, RUN_RUNNING, 0);
    schedule_set(&schedule, 5, RUN_DONE, 1);
    schedule_set(&schedule, 1, RUN_RUNNING, 0);
    assert_int_equal(schedule_next(&schedule, 3, 6), 4);
    assert_int_equal(schedule_next(&schedule, 1, 6), SCHEDULE_NOTHING_READY);
    schedule_set(&schedule, 4, RUN_DONE, 9);
    schedule_set(&schedule, 1, RUN_DONE, 10);
    assert_int_equal(schedule_next(&schedule, 4, 10), 0);
}

/* Run 1 ends at 20 and leaves five idle ranks for run 0, which asks for four: one is free for any run. */
static void ranks_that_are_left_over_are_not_kept(void **state) {
    (void)state;
    planned(5, (double[]){400, 40, 90, 80, 70});
    runs[0].ranks = 4;
    runs[1].ranks = 2;
    begin(6);
    schedule_set(&schedule, 1, RUN_RUNNING, 0);
    schedule_set(&schedule, 2, RUN_RUNNING, 0);
    assert_int_equal(schedule_next(&schedule, 3, 0), 3);
    assert_int_equal(schedule_next(&schedule, 2, 0), SCHEDULE_NOTHING_READY);
    schedule_set(&schedule, 1, RUN_DONE, 20);
    assert_int_equal(schedule_next(&schedule, 4, 20), 0);
}

static void run_that_failed_does_not_hold_up_a_large_one(void **state) {
    (void)state;
    planned(3, (double[]){100, 10, 20});
    runs[0].ranks = 4;
    begin(4);
    schedule_set(&schedule, 1, RUN_RUNNING, 0);
    schedule_set(&schedule, 2, RUN_FAILED, 0);
    schedule_try_again(&schedule, 2, 0);
    assert_int_equal(schedule_next(&schedule, 3, 0), SCHEDULE_NOTHING_READY);
    schedule_set(&schedule, 1, RUN_DONE, 10);
    assert_int_equal(schedule_next(&schedule, 4, 10), 0);
}

static void large_run_takes_the_ranks_that_there_are(void **state) {
    (void)state;
    planned(1, (double[]){100});
    runs[0].ranks = 8;
    begin(3);
    assert_int_equal(schedule_ranks(&schedule, 0), 2);
    assert_int_equal(schedule_next(&schedule, 1, 0), SCHEDULE_NOTHING_READY);
    assert_int_equal(schedule_next(&schedule, 2, 0), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(costliest_ready_run_comes_first, end),
        cmocka_unit_test_teardown(what_waits_for_a_run_counts, end),
        cmocka_unit_test_teardown(run_that_waits_for_a_failed_one_never_starts, end),
        cmocka_unit_test_teardown(done_runs_are_not_scheduled_again, end),
        cmocka_unit_test_teardown(run_that_failed_is_tried_behind_all_others, end),
        cmocka_unit_test_teardown(idle_ranks_wait_for_a_large_run, end),
        cmocka_unit_test_teardown(short_runs_fill_the_time_that_ranks_wait, end),
        cmocka_unit_test_teardown(ranks_that_are_left_over_are_not_kept, end),
        cmocka_unit_test_teardown(run_that_failed_does_not_hold_up_a_large_one, end),
        cmocka_unit_test_teardown(large_run_takes_the_ranks_that_there_are, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
