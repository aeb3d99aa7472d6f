/* model/: sizes, schedule, gradients, and the same bits however it is run. */
#include "base/random.h"
#include "model/kernels.h"
#include "model/model.h"
#include "model/scales.h"
#include "model/schedule.h"
#include "tests/test.h"

#include <math.h>
#include <omp.h>

/* No tile, vector or block divides these sizes; heads * head_size != width. */
static struct model_setup small_setup(float dropout) {
    return (struct model_setup){
        .shape = {.layers = 2, .width = 20, .heads = 3, .head_size = 6, .feed_forward = 27, .vocabulary = 53},
        .batch = 3,
        .sequence = 19,
        .dropout = dropout,
        .seed = 5,
    };
}

static struct model *model_made(const struct model_setup *setup) {
    struct model *model;
    struct error error;
    if (model_create(&model, setup, &error) != 0)
        fail_msg("%s", error.message);
    return model;
}

/* Some tokens: [count, T + 1]; the caller frees them. */
static uint16_t *tokens_made(const struct model_setup *setup, uint32_t count) {
    const size_t size = count * ((size_t)setup->sequence + 1);
    uint16_t *tokens = malloc(size * sizeof *tokens);
    assert_non_null(tokens);
    for (size_t i = 0; i < size; i++)
        tokens[i] = (uint16_t)random_below(setup->shape.vocabulary, 11, 0, i);
    return tokens;
}

static void parameters_are_those_published(void **state) {
    (void)state;
    FILE *file = fopen("tests/data/model_scales.csv", "r"); /* arXiv 2510.22037v2, table B.3 */
    assert_non_null(file);
    char line[256];
    assert_non_null(fgets(line, sizeof line, file));
    for (int scale = 0; scale < SCALE_COUNT; scale++) {
        unsigned number, heads, layers, width, feed_forward, head_size;
        unsigned long long parameters;
        assert_non_null(fgets(line, sizeof line, file));
        assert_int_equal(sscanf(line, "%u,%u,%u,%u,%u,%u,%llu", &number, &heads, &layers, &width, &feed_forward,
                                &head_size, &parameters),
                         7);
        const struct model_shape shape = model_scale(scale, SCALE_VOCABULARY);
        assert_int_equal(number, scale);
        assert_int_equal(shape.heads, heads);
        assert_int_equal(shape.layers, layers);
        assert_int_equal(shape.width, width);
        assert_int_equal(shape.feed_forward, feed_forward);
        assert_int_equal(shape.head_size, head_size);
        if (scale < 52) /* the last line of the table disagrees with itself */
            assert_true(model_parameters(&shape) == parameters);
    }
    assert_null(fgets(line, sizeof line, file));
    fclose(file);
}

static void flops_count_matrices_and_causal_attention(void **state) {
    (void)state;
    const struct model_shape shape = {
        .layers = 3, .width = 128, .heads = 4, .head_size = 32, .feed_forward = 512, .vocabulary = 8192};
    const double matrices = 8192 * 128 + 3 * (4 * 128 * 128 + 3 * 128 * 512);
    assert_true(model_flops_per_token(&shape, 512) == 6 * matrices + 6.0 * 3 * 128 * 512);
}

static void learning_rate_warms_up_stays_and_decays(void **state) {
    (void)state;
    const struct learning_rate_schedule schedule = {
        .base = 2e-4, .warmup_steps = 10, .steps = 100, .decay_fraction = 0.1};
    assert_true(schedule_learning_rate(&schedule, 0) == 2e-4 * 0.1);
    assert_true(schedule_learning_rate(&schedule, 4) == 2e-4 * 0.5);
    assert_true(schedule_learning_rate(&schedule, 9) == 2e-4);
    assert_true(schedule_learning_rate(&schedule, 50) == 2e-4);
    assert_true(schedule_learning_rate(&schedule, 90) == 2e-4);
    assert_true(schedule_learning_rate(&schedule, 91) == 2e-4 * 0.9);
    assert_true(schedule_learning_rate(&schedule, 99) == 2e-4 * 0.1);
    const struct learning_rate_schedule constant = {.base = 1, .steps = 5};
    for (uint64_t step = 0; step < 5; step++)
        assert_true(schedule_learning_rate(&constant, step) == 1);
    const struct learning_rate_schedule short_run = {.base = 1, .warmup_steps = 1000, .steps = 10, .decay_fraction = 1};
    for (uint64_t step = 0; step < 10; step++)
        assert_true(schedule_learning_rate(&short_run, step) > 0 && schedule_learning_rate(&short_run, step) <= 0.01);
}

static void impossible_setups_are_refused(void **state) {
    (void)state;
    struct model *model;
    struct error error;
    struct model_setup wrong[12];
    for (size_t i = 0; i < 12; i++)
        wrong[i] = small_setup(0);
    wrong[0].shape.layers = 0;
    wrong[1].shape.width = 0;
    wrong[2].shape.heads = 0;
    wrong[3].shape.head_size = 7;
    wrong[4].shape.head_size = 1 << 20;
    wrong[5].shape.feed_forward = UINT32_MAX;
    wrong[6].shape.vocabulary = 65537;
    wrong[7].batch = 0;
    wrong[8].sequence = 0;
    wrong[9].batch = wrong[9].sequence = 1 << 20;
    wrong[10].dropout = 1;
    wrong[11].dropout = NAN;
    for (size_t i = 0; i < 12; i++) {
        assert_int_equal(model_create(&model, &wrong[i], &error), -1);
        assert_int_equal(error.code, ERROR_INPUT);
        assert_null(model);
        assert_int_equal(model_memory_bytes(&wrong[i]), 0);
    }
}

static double loss_at(struct model *model, const uint16_t *tokens) {
    double loss;
    model_gradient(model, tokens, 3, 0.0F, 7, 2, &loss);
    return loss;
}

/* Central differences at some elements of every matrix. Losses are sums of floats: the step is large enough that their
 * rounding does not show, and the tolerance small enough that a wrong factor would. */
static void gradients_agree_with_differences(float dropout) {
    const struct model_setup setup = small_setup(dropout);
    struct model *model = model_made(&setup);
    uint16_t *tokens = tokens_made(&setup, 3);
    const size_t d = setup.shape.width, H = 18, ffw = setup.shape.feed_forward, V = setup.shape.vocabulary;
    const size_t sizes[] = {V * d, d,     d * H, d * H, d * H, H * d,   d * ffw, d * ffw, ffw * d,
                            d,     d * H, d * H, d * H, H * d, d * ffw, d * ffw, ffw * d};
    const size_t parameters = model_parameters(&setup.shape);
    float *weights = model_weights(model);
    for (size_t i = 0; i < parameters; i++) /* larger than at the start, so that everything matters */
        weights[i] += (float)(0.3 * random_normal(3, 0, i));

    double loss;
    model_gradient(model, tokens, 3, 1.0F, 7, 2, &loss);
    float *gradient = malloc(parameters * sizeof *gradient);
    assert_non_null(gradient);
    memcpy(gradient, model_gradients(model), parameters * sizeof *gradient);

    size_t first = 0;
    for (size_t group = 0; group < sizeof sizes / sizeof *sizes; first += sizes[group++]) {
        double difference = 0, norm = 0;
        for (uint64_t sample = 0; sample < 12; sample++) {
            const size_t i = first + random_below(sizes[group], group, 1, sample);
            const float saved = weights[i], step = 4e-3F;
            weights[i] = saved + step;
            const double above = loss_at(model, tokens), up = weights[i];
            weights[i] = saved - step;
            const double below = loss_at(model, tokens), down = weights[i];
            weights[i] = saved;
            const double expected = (above - below) / (up - down);
            difference += (gradient[i] - expected) * (gradient[i] - expected);
            norm += expected * expected;
        }
        assert_true(norm > 1e-6);
        if (sqrt(difference / norm) > 5e-3)
            fail_msg("group %zu: relative difference %g", group, sqrt(difference / norm));
    }
    assert_int_equal(first, parameters);
    free(gradient);
    free(tokens);
    model_destroy(model);
}

static void gradients_agree_with_differences_without_dropout(void **state) {
    (void)state;
    gradients_agree_with_differences(0);
}

static void gradients_agree_with_differences_with_dropout(void **state) {
    (void)state;
    gradients_agree_with_differences(0.2F);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parameters_are_those_published),
        cmocka_unit_test(flops_count_matrices_and_causal_attention),
        cmocka_unit_test(learning_rate_warms_up_stays_and_decays),
        cmocka_unit_test(impossible_setups_are_refused),
        cmocka_unit_test(gradients_agree_with_differences_without_dropout),
        cmocka_unit_test(gradients_agree_with_differences_with_dropout),
    };
    return cmocka_run_group_tests_name("model", tests, NULL, NULL);
}
