/* Where a study stands: progress, speed, what waits and the time that is left, of a study whose answers are known. */
#include "orchestrator/status.h"
#include "tests/sample_study.h"

static void assert_near(double value, double wanted) {
    assert_true(fabs(value - wanted) <= 1e-9 * fabs(wanted));
}

/* Run 0 took 100 s on 2 cores; run 1 failed; run 2 went on at step 250 of 1000, 100 s ago, and is at 750; run 3 waits
 * for it. All cost the same. */
static const double began = 1.75e9, published = 1.75e9 + 100;

static struct study_data study_that_runs(void) {
    struct study_data data = sample_study();
    data.curve_count -= 5; /* of run 2, a point every 50 steps */
    data.outcomes[0].step = 1000;
    data.outcomes[0].seconds = 100;
    data.outcomes[2].status = RUN_RUNNING;
    data.outcomes[2].started = began;
    data.outcomes[2].resumed = data.outcomes[2].step = 250;
    data.outcomes[2].seconds = 0;
    return data;
}

static void progress_and_speed_follow_from_points(void **state) {
    (void)state;
    struct study_data data = study_that_runs();
    struct status status;
    assert_int_equal(status_make(&data, NULL, published, &status, NULL), 0);
    const double flops = data.runs[0].flops;
    assert_int_equal(status.counts[RUN_DONE], 1);
    assert_int_equal(status.counts[RUN_RUNNING], 1);
    assert_int_equal(status.runs[2].step, 750);
    assert_near(status.runs[2].tokens_per_second, 1024000 * 0.5 / 100);
    assert_near(status.runs[2].seconds_left, 50);
    assert_true(isnan(status.runs[3].tokens_per_second));
    assert_near(status.core_seconds, 2 * 100 + 2 * 100 + 2 * 12.25);
    assert_near(status.gflops * 1e9, 1.5 * flops / 400);
    assert_near(status.flops_done / flops, 1 + 1 + 0.75);
    status_free(&status);
    study_data_free(&data);
}

static void the_longest_run_bounds_the_time_left(void **state) {
    (void)state;
    struct study_data data = study_that_runs();
    struct status status;
    assert_int_equal(status_make(&data, NULL, published, &status, NULL), 0);
    assert_near(status.core_seconds_left, 1.25 * 400 / 1.5);
    assert_near(status.seconds_left, status.core_seconds_left / 2);
    status_free(&status);
    data.outcomes[1].status = RUN_RUNNING; /* four cores, but run 3 will have two */
    data.outcomes[1].started = published;
    assert_int_equal(status_make(&data, NULL, published, &status, NULL), 0);
    assert_near(status.cores, 4);
    assert_near(status.seconds_left, 400 / 1.5 / 2);
    status_free(&status);
    study_data_free(&data);
}

static void nothing_known_is_not_guessed(void **state) {
    (void)state;
    struct study_data data = study_that_runs();
    struct status status;
    assert_near(status_speed(&data, NAN) * 1e9, data.runs[0].flops / 200);
    data.outcomes[0].status = data.outcomes[2].status = RUN_WAITING;
    assert_true(isnan(status_speed(&data, published)));
    assert_int_equal(status_make(&data, NULL, published, &status, NULL), 0);
    assert_true(isnan(status.seconds_left));
    assert_true(isnan(status.core_seconds_left));
    status_free(&status);
    study_data_free(&data);
}

static void what_waits_is_told_until_it_is_done(void **state) {
    (void)state;
    struct study_data data = study_that_runs();
    struct planned_run runs[SAMPLE_RUNS];
    const struct plan plan = {SAMPLE_RUNS, runs};
    struct status status;
    char text[4096] = "";
    for (int r = 0; r < SAMPLE_RUNS; r++)
        runs[r] = (struct planned_run){.waits_for = r == 3 ? 2 : WAITS_FOR_NOTHING};
    assert_int_equal(status_make(&data, &plan, published, &status, NULL), 0);
    assert_int_equal(status.runs[3].waits_for, 2);
    FILE *file = fmemopen(text, sizeof text, "w");
    status_print(&data, &status, file);
    fclose(file);
    assert_non_null(strstr(text, "waiting    1 for run 2 (en+fr+zh, klein, größer), which is running\n"));
    assert_null(strstr(text, "for a worker"));
    status_free(&status);
    data.outcomes[2].status = RUN_DONE;
    assert_int_equal(status_make(&data, &plan, published, &status, NULL), 0);
    assert_int_equal(status.runs[3].waits_for, WAITS_FOR_NOTHING);
    status_free(&status);
    study_data_free(&data);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(progress_and_speed_follow_from_points),
        cmocka_unit_test(the_longest_run_bounds_the_time_left),
        cmocka_unit_test(nothing_known_is_not_guessed),
        cmocka_unit_test(what_waits_is_told_until_it_is_done),
    };
    return cmocka_run_group_tests_name("status", tests, NULL, NULL);
}
