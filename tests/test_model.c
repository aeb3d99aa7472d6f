/* model/: sizes, schedule, gradients, and the same bits however it is run. */
#include "base/random.h"
#include "model/kernels.h"
#include "model/model.h"
#include "model/scales.h"
#include "model/schedule.h"
#include "tests/test.h"

#include <malloc.h>
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
    const size_t I = 3 * H + 2 * ffw, sizes[] = {V * d, d, d * I, H * d, ffw * d, d, d * I, H * d, ffw * d};
    const size_t parameters = model_parameters(&setup.shape);
    float *weights = model_weights(model);
    for (size_t i = 0; i < parameters; i++) /* larger than at the start, so that everything matters */
        weights[i] += (float)(0.3 * random_normal(3, 0, i));

    double loss;
    model_gradient(model, tokens, 3, 1.0F, 7, 2, &loss);
    const float *gradient = model_gradients(model); /* calls with scale 0 add nothing to it */

    size_t first = 0;
    for (size_t group = 0; group < sizeof sizes / sizeof *sizes; first += sizes[group++]) {
        double difference = 0, norm = 0;
        for (uint64_t sample = 0; sample < 40; sample++) {
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

/* Runs some steps with dropout and micro-batches of 2 + 1; returns the weights, which the caller frees. */
static float *trained_weights(const char *isa, enum model_precision precision, int threads, uint64_t steps) {
    struct error error;
    setenv("SWEEP_ISA", isa, 1);
    omp_set_num_threads(threads);
    const int chosen = kernels_choose(&error);
    unsetenv("SWEEP_ISA");
    float *weights = NULL;
    if (chosen == 0) {
        struct model_setup setup = small_setup(0.1F);
        setup.precision = precision;
        const struct model_optimizer optimizer = {1e-3F, 0.9F, 0.95F, 1e-8F, 0.1F, 1};
        struct model *model = model_made(&setup);
        uint16_t *tokens = tokens_made(&setup, 3);
        for (uint64_t step = 0; step < steps; step++) {
            double loss;
            model_gradient(model, tokens, 2, 1.0F / 57, step, 0, &loss);
            model_gradient(model, tokens + 2 * (size_t)(setup.sequence + 1), 1, 1.0F / 57, step, 2, &loss);
            model_update(model, &optimizer);
        }
        const size_t bytes = model_parameters(&setup.shape) * sizeof *weights;
        weights = malloc(bytes);
        assert_non_null(weights);
        memcpy(weights, model_weights(model), bytes);
        free(tokens);
        model_destroy(model);
    }
    omp_set_num_threads(1);
    assert_int_equal(kernels_choose(NULL), 0);
    return weights;
}

static void assert_same_weights(const char *isa, enum model_precision precision, const float *expected) {
    const struct model_setup setup = small_setup(0);
    for (int threads = 1; threads <= 3; threads++) {
        float *weights = trained_weights(isa, precision, threads, 50);
        if (weights && memcmp(weights, expected, model_parameters(&setup.shape) * sizeof *weights) != 0)
            fail_msg("%s with %d threads differs, precision %d", isa, threads, precision);
        free(weights);
    }
}

static void weights_are_the_same_bits_for_all_threads_and_instruction_sets(void **state) {
    (void)state;
    const struct model_setup setup = small_setup(0);
    const size_t bytes = model_parameters(&setup.shape) * sizeof(float);
    const char *names[] = {"portable", "avx2", "avx512"};
    for (int precision = MODEL_FP32; precision <= MODEL_BF16; precision++) {
        float *expected = trained_weights("portable", (enum model_precision)precision, 1, 50);
        for (size_t i = 0; i < 3; i++)
            assert_same_weights(names[i], (enum model_precision)precision, expected);
        float *other = trained_weights("portable", (enum model_precision)precision, 1, 49);
        assert_memory_not_equal(other, expected, bytes); /* or the comparison shows nothing */
        free(other);
        free(expected);
    }
}

static void weights_of_bf16_are_the_same_bits_for_all_threads(void **state) {
    (void)state;
    const char *names[] = {"avx512bf16", "amx"};
    for (size_t i = 0; i < 2; i++) {
        float *expected = trained_weights(names[i], MODEL_BF16, 1, 50);
        if (expected) /* the processor has it */
            assert_same_weights(names[i], MODEL_BF16, expected);
        free(expected);
    }
}

static double relative_difference(const float *x, const float *expected, size_t size) {
    double difference = 0, norm = 0;
    for (size_t i = 0; i < size; i++) {
        difference += ((double)x[i] - expected[i]) * ((double)x[i] - expected[i]);
        norm += (double)expected[i] * expected[i];
    }
    return sqrt(difference / norm);
}

static void cutting_a_batch_drops_the_same_elements(void **state) {
    (void)state;
    const struct model_setup setup = small_setup(0.3F);
    const size_t parameters = model_parameters(&setup.shape), row = setup.sequence + 1;
    uint16_t *tokens = tokens_made(&setup, 3);
    struct model *whole = model_made(&setup), *cut = model_made(&setup), *wrong = model_made(&setup);
    double whole_loss, first_loss, second_loss, wrong_loss;
    model_gradient(whole, tokens, 3, 1, 4, 5, &whole_loss);
    model_gradient(cut, tokens, 1, 1, 4, 5, &first_loss);
    model_gradient(cut, tokens + row, 2, 1, 4, 6, &second_loss);
    model_gradient(wrong, tokens, 3, 1, 4, 6, &wrong_loss);
    assert_true(fabs(first_loss + second_loss - whole_loss) < 1e-9);
    assert_true(relative_difference(model_gradients(cut), model_gradients(whole), parameters) < 1e-6);
    assert_true(fabs(wrong_loss - whole_loss) > 1e-6);
    assert_true(relative_difference(model_gradients(wrong), model_gradients(whole), parameters) > 1e-3);
    model_gradient(wrong, tokens, 3, 1, 5, 5, &wrong_loss); /* another step, other masks */
    assert_true(fabs(wrong_loss - whole_loss) > 1e-6);
    model_destroy(whole);
    model_destroy(cut);
    model_destroy(wrong);
    free(tokens);
}

static void losses_are_those_of_training_without_dropout(void **state) {
    (void)state;
    const struct model_setup setup = small_setup(0), dropping = small_setup(0.5F);
    uint16_t *tokens = tokens_made(&setup, 2);
    struct model *model = model_made(&setup), *dropping_model = model_made(&dropping);
    float losses[38], dropping_losses[38];
    double loss, sum = 0;
    model_losses(model, tokens, 2, losses);
    model_losses(dropping_model, tokens, 2, dropping_losses);
    assert_memory_equal(losses, dropping_losses, sizeof losses);
    for (size_t i = 0; i < 38; i++) {
        assert_true(fabs(losses[i] - log(53)) < 0.5); /* a new model knows nothing */
        sum += losses[i];
    }
    for (size_t i = 0; i < model_parameters(&setup.shape); i++)
        assert_true(model_gradients(model)[i] == 0);
    model_gradient(model, tokens, 2, 1, 0, 0, &loss);
    assert_true(loss == sum);
    model_destroy(model);
    model_destroy(dropping_model);
    free(tokens);
}

/* 300 rows are more than the loss takes at once, 150 are not. */
static void blocks_of_the_loss_change_nothing(void **state) {
    (void)state;
    struct model_setup setup = small_setup(0.1F);
    setup.batch = 2;
    setup.sequence = 150;
    uint16_t *tokens = tokens_made(&setup, 2);
    struct model *whole = model_made(&setup), *cut = model_made(&setup);
    float losses[300], cut_losses[300];
    model_losses(whole, tokens, 2, losses);
    model_losses(cut, tokens, 1, cut_losses);
    model_losses(cut, tokens + 151, 1, cut_losses + 150);
    for (size_t i = 0; i < 300; i++)
        assert_true(losses[i] == cut_losses[i]);
    double whole_loss, first_loss, second_loss;
    model_gradient(whole, tokens, 2, 1, 0, 0, &whole_loss);
    model_gradient(cut, tokens, 1, 1, 0, 0, &first_loss);
    model_gradient(cut, tokens + 151, 1, 1, 0, 1, &second_loss);
    assert_true(fabs(first_loss + second_loss - whole_loss) < 1e-9);
    assert_true(relative_difference(model_gradients(cut), model_gradients(whole), model_parameters(&setup.shape)) <
                1e-6);
    model_destroy(whole);
    model_destroy(cut);
    free(tokens);
}

static void future_tokens_change_nothing_before_them(void **state) {
    (void)state;
    const struct model_setup setup = small_setup(0);
    uint16_t *tokens = tokens_made(&setup, 1);
    struct model *model = model_made(&setup);
    float before[19], after[19];
    model_losses(model, tokens, 1, before);
    tokens[12] = (uint16_t)((tokens[12] + 1) % setup.shape.vocabulary); /* input 12, target of prediction 11 */
    model_losses(model, tokens, 1, after);
    for (size_t t = 0; t < 19; t++)
        assert_int_equal(before[t] == after[t], t < 11);
    model_destroy(model);
    free(tokens);
}

static void loss_falls_in_training(void **state) {
    (void)state;
    const struct model_setup setup = small_setup(0.1F);
    const struct model_optimizer optimizer = {1e-2F, 0.9F, 0.95F, 1e-8F, 0.1F, 1};
    uint16_t *tokens = tokens_made(&setup, 3);
    struct model *model = model_made(&setup);
    double first = 0, loss = 0;
    for (uint64_t step = 0; step < 60; step++) {
        model_gradient(model, tokens, 3, 1.0F / 57, step, 0, &loss);
        model_update(model, &optimizer);
        first = step == 0 ? loss : first;
    }
    assert_true(loss < 0.6 * first);
    model_destroy(model);
    free(tokens);
}

static void infinite_gradient_changes_nothing(void **state) {
    (void)state;
    const struct model_setup setup = small_setup(0);
    const struct model_optimizer optimizer = {1e-2F, 0.9F, 0.95F, 1e-8F, 0.1F, 1};
    const size_t parameters = model_parameters(&setup.shape);
    struct model *model = model_made(&setup), *same = model_made(&setup);
    const float bad[] = {INFINITY, NAN};
    for (size_t i = 0; i < 2; i++) {
        model_gradients(model)[parameters - 1] = bad[i];
        assert_false(isfinite(model_update(model, &optimizer)));
        assert_memory_equal(model_weights(model), model_weights(same), parameters * sizeof(float));
        for (size_t j = 0; j < parameters; j++)
            assert_true(model_gradients(model)[j] == 0);
    }
    model_destroy(model);
    model_destroy(same);
}

static void clipping_scales_the_gradient_to_its_norm(void **state) {
    (void)state;
    const struct model_setup setup = small_setup(0);
    const struct model_optimizer clipping = {1e-2F, 0, 0, 1, 0, 0.5F}, plain = {1e-2F, 0, 0, 1, 0, 0};
    struct model *clipped = model_made(&setup), *scaled = model_made(&setup);
    model_gradients(clipped)[0] = 3, model_gradients(clipped)[1] = 4;
    model_gradients(scaled)[0] = 0.3F, model_gradients(scaled)[1] = 0.4F;
    assert_true(model_update(clipped, &clipping) == 5);
    assert_true(fabs(model_update(scaled, &plain) - 0.5) < 1e-7);
    for (size_t i = 0; i < 2; i++)
        assert_true(fabsf(model_weights(clipped)[i] - model_weights(scaled)[i]) < 1e-8F);
    model_destroy(clipped);
    model_destroy(scaled);
}

static void memory_is_what_was_predicted(void **state) {
    (void)state;
    struct model_setup setups[] = {small_setup(0), small_setup(0)};
    setups[1].shape = model_scale(0, 1000);
    setups[1].sequence = 300;
    for (size_t i = 0; i < 2; i++)
        for (int threads = 1; threads <= 3; threads++) {
            omp_set_num_threads(threads);
            struct model *model = model_made(&setups[i]); /* a model is its one block, on a border of 2 MiB */
            const size_t predicted = model_memory_bytes(&setups[i]), usable = malloc_usable_size(model);
            assert_true(usable >= predicted && usable < predicted + (2 << 20) + 8192);
            model_destroy(model);
        }
    omp_set_num_threads(1);
    const struct model_setup scale0 = {.shape = model_scale(0, SCALE_VOCABULARY), .batch = 8, .sequence = 2048};
    assert_true(model_memory_bytes(&scale0) < (size_t)1 << 30);
}

/* Numbers of tests/data/model_fixture.txt that stand behind name; the caller frees them. */
static float *fixture_read(FILE *file, const char *name, size_t count) {
    char found[32];
    size_t size;
    assert_int_equal(fscanf(file, "%31s %zu", found, &size), 2);
    assert_string_equal(found, name);
    assert_int_equal(size, count);
    float *numbers = malloc(count * sizeof *numbers);
    assert_non_null(numbers);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(fscanf(file, "%f", &numbers[i]), 1);
    return numbers;
}

/* tests/data/make_model_fixture.py made the numbers and has the same formulas. */
static void model_agrees_with_pytorch(void **state) {
    (void)state;
    const struct model_setup setup = {
        .shape = {.layers = 2, .width = 12, .heads = 2, .head_size = 8, .feed_forward = 20, .vocabulary = 29},
        .batch = 2,
        .sequence = 7,
    };
    const struct model_optimizer optimizer = {0.01F, 0.9F, 0.95F, 1e-6F, 0.1F, 1};
    enum { PREDICTIONS = 14, STEPS = 10 };
    const size_t parameters = model_parameters(&setup.shape), embedding = 29 * 12, layer = (parameters - embedding) / 2;
    uint16_t tokens[16];
    for (size_t i = 0; i < 16; i++)
        tokens[i] = (uint16_t)(i * i * 7 % 31 % 29);
    struct model *model = model_made(&setup);
    for (size_t i = 0; i < parameters; i++) {
        const bool is_norm = i >= embedding && (i - embedding) % layer < setup.shape.width;
        model_weights(model)[i] = (float)((uint32_t)(i * 2654435761U) >> 12) * 0x1p-20F - 0.5F + (is_norm ? 1 : 0);
    }
    FILE *file = fopen("tests/data/model_fixture.txt", "r");
    assert_non_null(file);
    float *loss = fixture_read(file, "loss", 1), *gradient = fixture_read(file, "gradient", parameters);
    float *losses = fixture_read(file, "losses", STEPS), *norms = fixture_read(file, "norms", STEPS);
    float *weights = fixture_read(file, "weights", parameters);
    fclose(file);

    for (size_t step = 0; step < STEPS; step++) {
        double sum;
        model_gradient(model, tokens, 2, 1.0F / PREDICTIONS, step, 0, &sum);
        if (step == 0) {
            assert_true(fabs(sum / PREDICTIONS - loss[0]) < 1e-6 * loss[0]);
            for (size_t i = 0; i < parameters; i++)
                if (fabsf(model_gradients(model)[i] - gradient[i]) > 2e-6F)
                    fail_msg("gradient %zu is %g instead of %g", i, model_gradients(model)[i], gradient[i]);
        }
        assert_true(fabs(sum / PREDICTIONS - losses[step]) < 2e-5 * losses[step]);
        assert_true(fabs(model_update(model, &optimizer) - norms[step]) < 1e-4 * norms[step]);
    }
    for (size_t i = 0; i < parameters; i++)
        if (fabsf(model_weights(model)[i] - weights[i]) > 2e-4F)
            fail_msg("weight %zu is %g instead of %g", i, model_weights(model)[i], weights[i]);
    free(loss);
    free(gradient);
    free(losses);
    free(norms);
    free(weights);
    model_destroy(model);
}

static int one_thread(void **state) {
    (void)state;
    omp_set_num_threads(1); /* the models are too small for more; tests that want more say so */
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parameters_are_those_published),
        cmocka_unit_test(flops_count_matrices_and_causal_attention),
        cmocka_unit_test(learning_rate_warms_up_stays_and_decays),
        cmocka_unit_test(impossible_setups_are_refused),
        cmocka_unit_test(memory_is_what_was_predicted),
        cmocka_unit_test(gradients_agree_with_differences_without_dropout),
        cmocka_unit_test(gradients_agree_with_differences_with_dropout),
        cmocka_unit_test(model_agrees_with_pytorch),
        cmocka_unit_test(weights_are_the_same_bits_for_all_threads_and_instruction_sets),
        cmocka_unit_test(weights_of_bf16_are_the_same_bits_for_all_threads),
        cmocka_unit_test(cutting_a_batch_drops_the_same_elements),
        cmocka_unit_test(blocks_of_the_loss_change_nothing),
        cmocka_unit_test(losses_are_those_of_training_without_dropout),
        cmocka_unit_test(future_tokens_change_nothing_before_them),
        cmocka_unit_test(loss_falls_in_training),
        cmocka_unit_test(infinite_gradient_changes_nothing),
        cmocka_unit_test(clipping_scales_the_gradient_to_its_norm),
    };
    return cmocka_run_group_tests_name("model", tests, one_thread, NULL);
}
