/* model/: models that train the same weights together, each on its shards of every batch. */
#include "base/file.h"
#include "base/random.h"
#include "model/checkpoint.h"
#include "model/network.h"
#include "tests/test.h"

#include <math.h>
#include <omp.h>

enum { STEPS = 4, SEQUENCE = 7 };

/* Three parts of square sums: some models own nothing when there are eight. */
static struct model_setup setup_of(uint32_t batch, uint32_t shards, uint32_t rank, uint32_t ranks) {
    return (struct model_setup){
        .shape = {.layers = 2, .width = 34, .heads = 3, .head_size = 6, .feed_forward = 27, .vocabulary = 4700},
        .batch = 3,
        .sequence = SEQUENCE,
        .dropout = 0.1F,
        .seed = 5,
        .sharing = {.batch = batch, .shards = shards, .rank = rank, .ranks = ranks},
    };
}

/* Models that train together, and what of its gradient each has said to be ready. */
struct crew {
    uint32_t ranks;
    struct model *models[MODEL_SHARDS_MAX];
    struct ready {
        size_t first[16], count[16];
        uint32_t ranges;
    } ready[MODEL_SHARDS_MAX];
};

static void take_ready(void *context, size_t first, size_t count) {
    struct ready *ready = context;
    assert_true(ready->ranges < 16);
    ready->first[ready->ranges] = first;
    ready->count[ready->ranges++] = count;
}

static void crew_make(struct crew *crew, uint32_t batch, uint32_t shards, uint32_t ranks) {
    *crew = (struct crew){.ranks = ranks};
    for (uint32_t r = 0; r < ranks; r++) {
        struct model_setup setup = setup_of(batch, shards, r, ranks);
        setup.sharing.ready = take_ready;
        setup.sharing.context = &crew->ready[r];
        struct error error;
        if (model_create(&crew->models[r], &setup, &error) != 0)
            fail_msg("%s", error.message);
    }
}

static void crew_free(struct crew *crew) {
    for (uint32_t r = 0; r < crew->ranks; r++)
        model_destroy(crew->models[r]);
}

/* The shards of model r, in micro-batches of 2 sequences. */
static double gradient_of(struct crew *crew, uint32_t r, uint32_t batch, uint32_t shards, uint64_t step) {
    uint16_t tokens[2 * (SEQUENCE + 1)];
    double sum = 0;
    for (uint32_t s = shards * r / crew->ranks; s < shards * (r + 1) / crew->ranks; s++) {
        const uint32_t end = (s + 1) * batch / shards;
        for (uint32_t first = s * batch / shards; first < end; first += 2) {
            const uint32_t count = end - first < 2 ? end - first : 2;
            double loss;
            for (uint32_t i = 0; i < count * (SEQUENCE + 1); i++)
                tokens[i] = (uint16_t)random_below(4700, 11, step, first * (SEQUENCE + 1) + i);
            model_gradient(crew->models[r], tokens, count, 1.0F / (float)(batch * SEQUENCE), step, first, &loss);
            sum += loss;
        }
    }
    return sum;
}

/* The rest of the tree: model 0 has the sum of all. */
static void gradients_add(struct crew *crew) {
    for (uint32_t width = 1; width < crew->ranks; width *= 2)
        for (uint32_t r = 0; r < crew->ranks; r += 2 * width)
            for (size_t i = 0; i < crew->models[r]->parameters; i++)
                crew->models[r]->gradient[i] += crew->models[r + width]->gradient[i];
}

/* Everyone gets what everyone owns. */
static void updates_share(struct crew *crew, const float *gradient) {
    const struct model_optimizer optimizer = {1e-2F, 0.9F, 0.95F, 1e-8F, 0.1F, 0.5F};
    const struct model_setup *setup = &crew->models[0]->setup;
    for (uint32_t r = 0; r < crew->ranks; r++) {
        if (r > 0)
            memcpy(crew->models[r]->gradient, gradient, crew->models[r]->parameters * sizeof *gradient);
        const double *sums = model_square_sums(crew->models[r]);
        for (uint32_t other = 0; other < crew->ranks; other++)
            for (size_t i = model_square_sum_first(setup, r); i < model_square_sum_first(setup, r + 1); i++)
                crew->models[other]->square_sums[i] = sums[i];
    }
    for (uint32_t r = 0; r < crew->ranks; r++) {
        const double norm = model_update_owned(crew->models[r], &optimizer);
        assert_true(norm > 0.5); /* or clipping is not tested */
        for (size_t i = 0; i < crew->models[r]->parameters; i++)
            assert_true(crew->models[r]->gradient[i] == 0);
    }
    for (uint32_t r = 0; r < crew->ranks; r++)
        for (uint32_t other = 0; other < crew->ranks; other++)
            for (size_t i = model_owned_first(setup, r); other != r && i < model_owned_first(setup, r + 1); i++)
                crew->models[other]->weights[i] = crew->models[r]->weights[i];
}

/* Each element once, in the order of all others, the embedding last. */
static void assert_ready_once(const struct crew *crew) {
    size_t count = 0;
    for (uint32_t i = 0; i < crew->ready[0].ranges; i++)
        count += crew->ready[0].count[i];
    assert_int_equal(count, crew->models[0]->parameters);
    for (uint32_t i = 1; i < crew->ready[0].ranges; i++)
        assert_int_equal(crew->ready[0].first[i] + crew->ready[0].count[i], crew->ready[0].first[i - 1]);
    assert_int_equal(crew->ready[0].first[crew->ready[0].ranges - 1], 0);
    for (uint32_t r = 1; r < crew->ranks; r++)
        assert_memory_equal(&crew->ready[r], &crew->ready[0], sizeof crew->ready[0]);
}

/* Some steps; returns the sum of the gradient of the first, which the caller frees. */
static float *train(struct crew *crew, uint32_t batch, uint32_t shards) {
    const size_t bytes = crew->models[0]->parameters * sizeof(float);
    float *first = malloc(bytes), *gradient = malloc(bytes);
    assert_true(first && gradient);
    for (uint64_t step = 0; step < STEPS; step++) {
        memset(crew->ready, 0, sizeof crew->ready);
        for (uint32_t r = 0; r < crew->ranks; r++)
            gradient_of(crew, r, batch, shards, step);
        if (shards > 1)
            assert_ready_once(crew);
        gradients_add(crew);
        memcpy(gradient, crew->models[0]->gradient, bytes);
        if (step == 0)
            memcpy(first, gradient, bytes);
        updates_share(crew, gradient);
    }
    free(gradient);
    return first;
}

static void any_number_of_models_gives_the_same_bits(void **state) {
    (void)state;
    static const uint32_t batches[] = {16, 12, 9, 8, 5};
    for (size_t b = 0; b < sizeof batches / sizeof *batches; b++) {
        struct crew one;
        crew_make(&one, batches[b], 8, 1);
        float *expected = train(&one, batches[b], 8);
        for (uint32_t ranks = 2; ranks <= 8 && ranks <= batches[b]; ranks *= 2) {
            struct crew crew;
            crew_make(&crew, batches[b], 8, ranks);
            float *gradient = train(&crew, batches[b], 8);
            assert_memory_equal(gradient, expected, one.models[0]->parameters * sizeof(float));
            for (uint32_t r = 0; r < ranks; r++)
                assert_memory_equal(crew.models[r]->weights, one.models[0]->weights,
                                    one.models[0]->parameters * sizeof(float));
            free(gradient);
            crew_free(&crew);
        }
        free(expected);
        crew_free(&one);
    }
}

/* Shards are summed apart: the same gradient but for rounding. */
static void shards_change_rounding_only(void **state) {
    (void)state;
    struct crew whole, cut;
    crew_make(&whole, 16, 1, 1);
    crew_make(&cut, 16, 8, 1);
    float *expected = train(&whole, 16, 1), *gradient = train(&cut, 16, 8);
    double difference = 0, norm = 0;
    for (size_t i = 0; i < whole.models[0]->parameters; i++) {
        difference += ((double)gradient[i] - expected[i]) * ((double)gradient[i] - expected[i]);
        norm += (double)expected[i] * expected[i];
    }
    assert_true(difference > 0); /* or nothing was summed apart */
    assert_true(sqrt(difference / norm) < 1e-6);
    free(expected);
    free(gradient);
    crew_free(&whole);
    crew_free(&cut);
}

/* What the other models own, taken from them: which of the moments, each call the next. */
struct moments {
    struct crew *crew;
    int calls;
};

static int share_moments(void *context, float *parameters) {
    struct moments *moments = context;
    for (uint32_t r = 1; r < moments->crew->ranks; r++) {
        const struct model *model = moments->crew->models[r];
        memcpy(parameters + model->owned_first, moments->calls == 0 ? model->mean : model->variance,
               model->owned * sizeof(float));
    }
    moments->calls++;
    return 0;
}

static int share_nothing(void *context, float *parameters) {
    (void)context, (void)parameters;
    return -1;
}

static void *bytes_of(const char *path, size_t *size) {
    char *bytes;
    struct error error;
    if (file_read(path, 1 << 24, &bytes, size, &error) != 0)
        fail_msg("%s", error.message);
    return bytes;
}

static void checkpoint_is_that_of_one_model_and_goes_on_with_any_number(void **state) {
    struct crew one, four, two;
    char alone[256], together[256];
    snprintf(alone, sizeof alone, "%s/alone", (const char *)*state);
    snprintf(together, sizeof together, "%s/together", (const char *)*state);
    crew_make(&one, 16, 8, 1);
    crew_make(&four, 16, 8, 4);
    crew_make(&two, 16, 8, 2);
    free(train(&one, 16, 8));
    free(train(&four, 16, 8));
    const struct checkpoint told = {.identity = "a run", .step = STEPS, .loss_sum = 0.5};
    struct moments moments = {.crew = &four};
    const struct checkpoint_sharing sharing = {.share = share_moments, .context = &moments};
    struct error error = {0};
    if (model_save(one.models[0], alone, &told, NULL, &error) != 0 ||
        model_save(four.models[0], together, &told, &sharing, &error) != 0)
        fail_msg("%s", error.message);
    size_t size, size_together;
    char *bytes = bytes_of(alone, &size), *bytes_together = bytes_of(together, &size_together);
    assert_int_equal(size_together, size);
    assert_memory_equal(bytes_together, bytes, size);
    for (size_t i = 0; i < four.models[0]->parameters; i++)
        assert_true(four.models[0]->gradient[i] == 0);
    const struct checkpoint_sharing broken = {.share = share_nothing};
    assert_int_equal(model_save(four.models[0], together, &told, &broken, &error), -1);
    assert_int_equal(model_save(four.models[1], together, &told, &broken, &error), -1);
    free(bytes_together);
    bytes_together = bytes_of(together, &size_together); /* the old one is left */
    assert_int_equal(size_together, size);
    for (uint32_t r = 0; r < 2; r++) {
        struct checkpoint found;
        if (model_load(two.models[r], together, "a run", &found, &error) != 0)
            fail_msg("%s", error.message);
    }
    free(train(&one, 16, 8));
    free(train(&two, 16, 8));
    assert_memory_equal(two.models[1]->weights, one.models[0]->weights, one.models[0]->parameters * sizeof(float));
    free(bytes);
    free(bytes_together);
    crew_free(&one);
    crew_free(&two);
    crew_free(&four);
}

static void memory_of_a_model_falls_with_their_number(void **state) {
    (void)state;
    for (uint32_t ranks = 2; ranks <= 8; ranks *= 2) {
        const struct model_setup before = setup_of(16, 8, ranks / 2 - 1, ranks / 2);
        const struct model_setup now = setup_of(16, 8, ranks - 1, ranks);
        assert_true(model_memory_bytes(&now) + model_parameters(&now.shape) * sizeof(float) <
                    model_memory_bytes(&before) + 64);
    }
}

static void impossible_sharing_is_refused(void **state) {
    (void)state;
    const struct model_setup wrong[] = {
        setup_of(16, 3, 0, 1), setup_of(16, 16, 0, 1), setup_of(16, 8, 0, 3), setup_of(16, 4, 0, 8),
        setup_of(16, 8, 2, 2), setup_of(16, 1, 0, 2),  setup_of(3, 8, 0, 4),  setup_of(0, 8, 0, 1),
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct model *model;
        struct error error;
        assert_int_equal(model_create(&model, &wrong[i], &error), -1);
        assert_int_equal(error.code, ERROR_INPUT);
        assert_int_equal(model_memory_bytes(&wrong[i]), 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_number_of_models_gives_the_same_bits),
        cmocka_unit_test(shards_change_rounding_only),
        cmocka_unit_test_setup_teardown(checkpoint_is_that_of_one_model_and_goes_on_with_any_number, test_folder_make,
                                        test_folder_remove),
        cmocka_unit_test(memory_of_a_model_falls_with_their_number),
        cmocka_unit_test(impossible_sharing_is_refused),
    };
    omp_set_num_threads(1); /* the models are too small for more */
    return cmocka_run_group_tests_name("sharing", tests, NULL, NULL);
}
