/* bench/: numbers of a tiny case are sane, and nothing is left behind. */
#include "bench/trainer.h"
#include "tests/test.h"

#include <math.h>
#include <omp.h>
#include <unistd.h>

static const struct bench_case tiny = {
    "tiny", {.layers = 1, .width = 16, .heads = 2, .head_size = 8, .feed_forward = 32, .vocabulary = 64}, 2, 32, 3};

static void peak_is_positive(void **state) {
    (void)state;
    for (int precision = MODEL_FP32; precision <= MODEL_BF16; precision++) {
        struct bench_peak peak;
        assert_int_equal(bench_peak((enum model_precision)precision, &peak, NULL), 0);
        assert_true(isfinite(peak.gflops) && peak.gflops > 0);
        assert_true(isfinite(peak.cached_gflops) && peak.cached_gflops > 0);
    }
}

static void steps_give_sane_numbers_that_belong_together(void **state) {
    (void)state;
    struct bench_result result;
    struct error error = {0};
    const double flops = model_flops_per_token(&tiny.shape, tiny.sequence);
    const struct model_setup setup = {.shape = tiny.shape, .batch = tiny.batch, .sequence = tiny.sequence};
    const int levels = omp_get_max_active_levels();
    omp_set_num_threads(2);
    for (int precision = MODEL_FP32; precision <= MODEL_BF16; precision++) {
        if (bench_trainer(&tiny, (enum model_precision)precision, &result, &error) != 0)
            fail_msg("%s", error.message);
        assert_true(result.tokens_per_second > 0);
        assert_true(fabs(result.gflops * 1e9 / (result.tokens_per_second * flops) - 1) < 1e-9);
        assert_true(isnan(result.peak_memory_bytes) ||
                    result.peak_memory_bytes > (double)model_memory_bytes(&setup) / 2);
        assert_true(result.dropout_cost > -1 && isfinite(result.dropout_cost));
        assert_true(result.scaling > 0);
    }
    assert_int_equal(omp_get_max_threads(), 2);
    assert_int_equal(omp_get_max_active_levels(), levels);
}

static void one_thread_has_no_scaling(void **state) {
    (void)state;
    struct bench_result result;
    omp_set_num_threads(1);
    assert_int_equal(bench_trainer(&tiny, MODEL_FP32, &result, NULL), 0);
    assert_true(isnan(result.scaling));
}

static void share_of_model_code_is_a_share(void **state) {
    (void)state;
    double share;
    assert_int_equal(bench_worker(&tiny, MODEL_BF16, &share, NULL), 0);
    assert_true(share > 0 && share < 1);
}

static void shards_go_to_tmpdir_and_go_away(void **state) {
    struct bench_result result;
    struct error error = {0};
    setenv("TMPDIR", *state, 1);
    assert_int_equal(bench_trainer(&tiny, MODEL_FP32, &result, &error), 0);
    assert_int_equal(rmdir(*state), 0); /* it is empty */
    assert_int_equal(bench_trainer(&tiny, MODEL_FP32, &result, &error), -1);
    assert_non_null(strstr(error.message, *state));
    unsetenv("TMPDIR");
}

static void impossible_model_is_refused_and_leaves_nothing(void **state) {
    struct bench_case wrong = tiny;
    struct bench_result result;
    struct error error = {0};
    wrong.shape.head_size = 7;
    setenv("TMPDIR", *state, 1);
    assert_int_equal(bench_trainer(&wrong, MODEL_FP32, &result, &error), -1);
    assert_int_not_equal(error.code, ERROR_NONE);
    assert_int_equal(rmdir(*state), 0);
    unsetenv("TMPDIR");
}

static void cases_are_those_of_the_published_table(void **state) {
    (void)state;
    static const char *const names[BENCH_CASES] = {"nano", "scale0", "scale3", "scale8"};
    static const uint64_t parameters[BENCH_CASES] = {1835392, 9044352, 20531840, 146155520};
    for (int i = 0; i < BENCH_CASES; i++) {
        const struct bench_case measured = bench_case_at(i);
        assert_string_equal(measured.name, names[i]);
        assert_int_equal(model_parameters(&measured.shape), parameters[i]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(peak_is_positive),
        cmocka_unit_test(steps_give_sane_numbers_that_belong_together),
        cmocka_unit_test(one_thread_has_no_scaling),
        cmocka_unit_test(share_of_model_code_is_a_share),
        cmocka_unit_test_setup_teardown(shards_go_to_tmpdir_and_go_away, test_folder_make, test_folder_remove),
        cmocka_unit_test_setup_teardown(impossible_model_is_refused_and_leaves_nothing, test_folder_make,
                                        test_folder_remove),
        cmocka_unit_test(cases_are_those_of_the_published_table),
    };
    return cmocka_run_group_tests_name("bench", tests, NULL, NULL);
}
