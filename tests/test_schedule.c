/* Which run comes next. */
#include "orchestrator/schedule.h"
#include "tests/test.h"

enum { RUNS_MOST = 8 };

static struct planned_run runs[RUNS_MOST];
static struct plan plan = {0, runs};
static struct schedule schedule;

/* A schedule of runs with these costs, of one rank each. */
static void begin(size_t count, const double *flops, uint32_t ranks_most) {
    plan.count = count;
    for (size_t run = 0; run < count; run++)
        runs[run] = (struct planned_run){.flops = flops[run], .ranks = 1, .waits_for = WAITS_FOR_NOTHING};
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
    begin(4, (double[]){1, 9, 5, 5}, 9);
    runs[1].waits_for = 0;
    assert_int_equal(schedule_next(&schedule, 9, 0), 2);
    assert_int_equal(schedule_next(&schedule, 8, 0), 3);
    assert_int_equal(schedule_next(&schedule, 7, 0), 0);
    assert_int_equal(schedule_next(&schedule, 6, 0), SCHEDULE_NOTHING_READY); /* 1 waits for 0 */
    schedule_set(&schedule, 0, RUN_DONE, 1);
    assert_int_equal(schedule_next(&schedule, 0, 1), SCHEDULE_NOTHING_READY);
    assert_int_equal(schedule_next(&schedule, 7, 1), 1);
    assert_int_equal(schedule.counts[RUN_RUNNING], 3);
    assert_int_equal(schedule.counts[RUN_DONE], 1);
    assert_int_equal(schedule.counts[RUN_WAITING], 0);
}

/* 2 and 3 wait for 0, and make it costlier than 1. */
static void run_that_others_wait_for_counts_with_the_longest_of_them(void **state) {
    (void)state;
    begin(4, (double[]){4, 6, 3, 1}, 9);
    schedule_free(&schedule);
    runs[2].waits_for = runs[3].waits_for = 0;
    assert_int_equal(schedule_make(&schedule, &plan, NULL), 0);
    assert_int_equal(schedule_next(&schedule, 9, 0), 0);
    assert_int_equal(schedule_next(&schedule, 9, 0), 1);
    schedule_set(&schedule, 0, RUN_DONE, 4);
    assert_int_equal(schedule_next(&schedule, 9, 4), 2);
    assert_int_equal(schedule_next(&schedule, 9, 4), 3);
}

static void run_that_waits_for_a_failed_one_never_starts(void **state) {
    (void)state;
    begin(2, (double[]){1, 1}, 2);
    runs[1].waits_for = 0;
    assert_int_equal(schedule_next(&schedule, 2, 0), 0);
    schedule_set(&schedule, 0, RUN_FAILED, 1);
    assert_int_equal(schedule_next(&schedule, 2, 1), SCHEDULE_NOTHING_READY);
    assert_int_equal(schedule.counts[RUN_WAITING], 1);
}

static void done_runs_are_not_scheduled_again(void **state) {
    (void)state;
    begin(2, (double[]){2, 1}, 2);
    schedule_set(&schedule, 0, RUN_DONE, 0);
    assert_int_equal(schedule_next(&schedule, 2, 0), 1);
    assert_int_equal(schedule_next(&schedule, 1, 0), SCHEDULE_NOTHING_READY);
}

static void run_that_failed_is_tried_behind_all_others(void **state) {
    (void)state;
    begin(3, (double[]){9, 5, 1}, 1);
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
    begin(3, (double[]){100, 8, 7}, 4);
    runs[0].ranks = 4;
    schedule_set(&schedule, 1, RUN_RUNNING, 0); /* one rank is busy */
    assert_int_equal(schedule_next(&schedule, 3, 0), SCHEDULE_NOTHING_READY);
    schedule_set(&schedule, 1, RUN_DONE, 8);
    assert_int_equal(schedule_next(&schedule, 4, 8), 0);
    assert_int_equal(schedule_next(&schedule, 0, 8), SCHEDULE_NOTHING_READY);
}

/* A FLOP takes a second. Ranks are kept for run 0 until run 1 ends at 10; by then 2 and 3 would not have ended. */
static void short_runs_fill_the_time_that_ranks_wait(void **state) {
    (void)state;
    begin(6, (double[]){100, 10, 8, 7, 3, 1}, 4);
    runs[0].ranks = 4;
    schedule_set(&schedule, 5, RUN_RUNNING, 0);
    schedule_set(&schedule, 5, RUN_DONE, 1);
    schedule_set(&schedule, 1, RUN_RUNNING, 0);
    assert_int_equal(schedule_next(&schedule, 3, 6), 4);
    assert_int_equal(schedule_next(&schedule, 2, 6), SCHEDULE_NOTHING_READY);
    schedule_set(&schedule, 4, RUN_DONE, 9);
    schedule_set(&schedule, 1, RUN_DONE, 10);
    assert_int_equal(schedule_next(&schedule, 4, 10), 0);
}

static void large_run_takes_the_ranks_that_there_are(void **state) {
    (void)state;
    begin(1, (double[]){100}, 3);
    runs[0].ranks = 8;
    assert_int_equal(schedule_ranks(&schedule, 0), 2);
    assert_int_equal(schedule_next(&schedule, 1, 0), SCHEDULE_NOTHING_READY);
    assert_int_equal(schedule_next(&schedule, 2, 0), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(costliest_ready_run_comes_first, end),
        cmocka_unit_test_teardown(run_that_others_wait_for_counts_with_the_longest_of_them, end),
        cmocka_unit_test_teardown(run_that_waits_for_a_failed_one_never_starts, end),
        cmocka_unit_test_teardown(done_runs_are_not_scheduled_again, end),
        cmocka_unit_test_teardown(run_that_failed_is_tried_behind_all_others, end),
        cmocka_unit_test_teardown(idle_ranks_wait_for_a_large_run, end),
        cmocka_unit_test_teardown(short_runs_fill_the_time_that_ranks_wait, end),
        cmocka_unit_test_teardown(large_run_takes_the_ranks_that_there_are, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
