/* Shapes, memory and initial weights. */
#include "model/model.h"

#include "base/elementary.h"
#include "base/random.h"
#include "model/network.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { ALIGNMENT = 64, HUGE_PAGE = 1 << 21 };

static const double rotary_base = 10000;
static const double initial_deviation = 0.02;

static uint64_t layer_matrices(const struct model_shape *shape) {
    const uint64_t d = shape->width;
    return 4 * d * shape->heads * shape->head_size + 3 * d * shape->feed_forward;
}

uint64_t model_parameters(const struct model_shape *shape) {
    const uint64_t d = shape->width;
    return shape->vocabulary * d + shape->layers * (layer_matrices(shape) + d);
}

double model_flops_per_token(const struct model_shape *shape, uint32_t sequence) {
    const double matrices =
        (double)shape->vocabulary * shape->width + (double)shape->layers * (double)layer_matrices(shape);
    return 6 * matrices + 6.0 * shape->layers * shape->heads * shape->head_size * sequence;
}

struct layer_weights layer_weights_at(const struct model_shape *shape, float *parameters, uint32_t layer) {
    const size_t d = shape->width, H = (size_t)shape->heads * shape->head_size, ffw = shape->feed_forward;
    float *at = parameters + shape->vocabulary * d + layer * (layer_matrices(shape) + d);
    struct layer_weights weights;
    weights.norm = at;
    weights.inner = weights.norm + d;
    weights.output = weights.inner + d * (3 * H + 2 * ffw);
    weights.down = weights.output + H * d;
    return weights;
}

/* A caller that leaves the sharing out means a batch of one shard for one model. */
static struct model_sharing sharing_of(const struct model_setup *setup) {
    struct model_sharing sharing = setup->sharing;
    if (sharing.ranks == 0)
        sharing.ranks = 1;
    if (sharing.shards == 0)
        sharing.shards = 1;
    return sharing;
}

size_t model_square_sum_first(const struct model_setup *setup, uint32_t rank) {
    const size_t parts = (model_parameters(&setup->shape) + SQUARE_SUM_PART - 1) / SQUARE_SUM_PART;
    return parts * rank / sharing_of(setup).ranks;
}

size_t model_owned_first(const struct model_setup *setup, uint32_t rank) {
    const size_t first = model_square_sum_first(setup, rank) * SQUARE_SUM_PART;
    const size_t parameters = model_parameters(&setup->shape);
    return first < parameters ? first : parameters;
}

/* Gradients that are kept at once: one that grows, and one for each level of the model's subtree of shards. */
static size_t gradient_count(const struct model_setup *setup) {
    const struct model_sharing sharing = sharing_of(setup);
    size_t count = 1;
    for (uint32_t shards = sharing.shards / sharing.ranks; shards > 1; shards /= 2)
        count++;
    return count;
}

/* Hands out parts of the block, each aligned; counts only while base is NULL. */
struct arena {
    char *base;
    size_t used;
};

static void *take(struct arena *arena, size_t count, size_t size) {
    void *part = arena->base ? arena->base + arena->used : NULL;
    arena->used += (count * size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    return part;
}

static float *take_floats(struct arena *arena, size_t count) {
    return take(arena, count, sizeof(float));
}

size_t model_lay_out(struct model *model, const struct model_setup *setup, void *block) {
    const struct model_shape *shape = &setup->shape;
    const size_t T = setup->sequence, M = setup->batch * T, d = shape->width, ffw = shape->feed_forward;
    const size_t H = (size_t)shape->heads * shape->head_size, I = 3 * H + 2 * ffw;
    const size_t parameters = model_parameters(shape);
    struct arena arena = {.base = block};
    take(&arena, 1, sizeof *model);

    model->weights = take_floats(&arena, parameters);
    model->gradient = take_floats(&arena, gradient_count(setup) * parameters);
    model->owned_first = model_owned_first(setup, setup->sharing.rank);
    model->owned = model_owned_first(setup, setup->sharing.rank + 1) - model->owned_first;
    model->mean = take_floats(&arena, model->owned);
    model->variance = take_floats(&arena, model->owned);
    model->square_sums = take(&arena, (parameters + SQUARE_SUM_PART - 1) / SQUARE_SUM_PART, sizeof(double));

    model->layers = take(&arena, shape->layers, sizeof *model->layers);
    for (uint32_t i = 0; i < shape->layers; i++) {
        struct layer_state state;
        state.input = take_floats(&arena, M * d);
        state.inverse = take_floats(&arena, M);
        state.inner = take_floats(&arena, M * I);
        state.attended = take_floats(&arena, M * H);
        state.log_sum = take_floats(&arena, M * shape->heads);
        if (block)
            model->layers[i] = state;
    }

    model->cosine = take_floats(&arena, T * shape->head_size / 2);
    model->sine = take_floats(&arena, T * shape->head_size / 2);
    model->inputs = take(&arena, M, sizeof *model->inputs);
    model->targets = take(&arena, M, sizeof *model->targets);
    model->losses = take_floats(&arena, M);
    model->last = take_floats(&arena, M * d);
    model->last_inverse = take_floats(&arena, M);
    model->normed = take_floats(&arena, M * d);
    model->sum = take_floats(&arena, M * d);
    model->dx = take_floats(&arena, M * d);
    model->dnormed = take_floats(&arena, M * d);
    model->dinner = take_floats(&arena, M * I);
    model->hidden = take_floats(&arena, M * ffw);
    model->dattended = take_floats(&arena, M * H);

    model->work.threads = omp_get_max_threads();
    model->work.bf16 = setup->precision == MODEL_BF16;
    const struct workspace_needs needs = {
        .threads = model->work.threads,
        .rows = M,
        .sequence = setup->sequence,
        .head_size = shape->head_size,
        .width = shape->width,
        .vocabulary = shape->vocabulary,
    };
    model->work.own_size = workspace_own_size(&needs);
    model->work.shared = take_floats(&arena, workspace_shared_size(&needs));
    model->work.own = take_floats(&arena, (size_t)model->work.threads * model->work.own_size);
    return arena.used;
}

/* The bounds keep every size far from overflow. */
static int setup_check(const struct model_setup *setup, struct error *error) {
    const struct model_shape *shape = &setup->shape;
    const struct {
        const char *name;
        uint64_t value, most;
    } bounds[] = {
        {"layers", shape->layers, 4096},
        {"width", shape->width, 1 << 16},
        {"heads", shape->heads, 1 << 10},
        {"head size", shape->head_size, HEAD_SIZE_MAX},
        {"feed-forward size", shape->feed_forward, 1 << 18},
        {"vocabulary", shape->vocabulary, 1 << 16},
        {"batch", setup->batch, 1 << 20},
        {"sequence", setup->sequence, 1 << 20},
        {"tokens of a batch", (uint64_t)setup->batch * setup->sequence, 1 << 24},
    };
    for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++)
        if (bounds[i].value < 1 || bounds[i].value > bounds[i].most)
            return error_set(error, ERROR_INPUT, "model: %s is %llu; it must be 1 to %llu", bounds[i].name,
                             (unsigned long long)bounds[i].value, (unsigned long long)bounds[i].most);
    if (setup->precision != MODEL_FP32 && setup->precision != MODEL_BF16)
        return error_set(error, ERROR_INPUT, "model: no such precision");
    if (shape->head_size % 2 != 0)
        return error_set(error, ERROR_INPUT, "model: head size is %u; it must be even", shape->head_size);
    const struct model_sharing sharing = sharing_of(setup);
    if (sharing.shards > MODEL_SHARDS_MAX || (sharing.shards & (sharing.shards - 1)) != 0 ||
        sharing.ranks > sharing.shards || (sharing.ranks & (sharing.ranks - 1)) != 0 || sharing.rank >= sharing.ranks)
        return error_set(
            error, ERROR_INPUT,
            "model: %u shards for rank %u of %u; shards must be 1, 2, 4 or 8, and ranks one of these, no more",
            sharing.shards, sharing.rank, sharing.ranks);
    if (sharing.shards > 1 && sharing.batch < sharing.ranks)
        return error_set(error, ERROR_INPUT, "model: a batch of %u sequences for %u ranks; each must have one",
                         sharing.batch, sharing.ranks);
    if (!(setup->dropout >= 0 && setup->dropout < 1))
        return error_set(error, ERROR_INPUT, "model: dropout is %g; it must be 0 to less than 1", setup->dropout);
    return 0;
}

size_t model_memory_bytes(const struct model_setup *setup) {
    struct model model;
    return setup_check(setup, NULL) == 0 ? model_lay_out(&model, setup, NULL) : 0;
}

/* Normal deviates of a given deviation: a matrix [rows, columns] whose rows lie stride apart; number: its place in the
 * order of all matrices. */
static void matrix_initialize(float *weights, size_t rows, size_t columns, size_t stride, double deviation,
                              uint64_t key, uint64_t number) {
#pragma omp parallel for
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < columns; j++)
            weights[i * stride + j] = (float)(deviation * random_normal(key, number, i * columns + j));
}

static void weights_initialize(struct model *model, uint64_t key) {
    const struct model_shape *shape = &model->setup.shape;
    const size_t d = shape->width, H = (size_t)shape->heads * shape->head_size, ffw = shape->feed_forward;
    const size_t I = 3 * H + 2 * ffw;
    /* what is added to the stream is smaller, so that its variance does not grow with the layers (GPT-2) */
    const double deviation = initial_deviation, output_deviation = deviation / sqrt(2.0 * shape->layers);
    uint64_t matrix = 0;
    matrix_initialize(model->weights, shape->vocabulary, d, d, deviation, key, matrix++);
    for (uint32_t layer = 0; layer < shape->layers; layer++) {
        const struct layer_weights weights = layer_weights_at(shape, model->weights, layer);
        for (size_t j = 0; j < d; j++)
            weights.norm[j] = 1;
        for (size_t part = 0; part < 3; part++)
            matrix_initialize(weights.inner + part * H, d, H, I, deviation, key, matrix++);
        for (size_t part = 0; part < 2; part++)
            matrix_initialize(weights.inner + 3 * H + part * ffw, d, ffw, I, deviation, key, matrix++);
        matrix_initialize(weights.output, H, d, d, output_deviation, key, matrix++);
        matrix_initialize(weights.down, ffw, d, d, output_deviation, key, matrix++);
    }
}

/* Angles of the rotary positions: t * base^(-2 i / h). */
static void angles_initialize(struct model *model) {
    const size_t half = model->setup.shape.head_size / 2;
    const double logarithm = elementary_log(rotary_base);
    for (size_t i = 0; i < half; i++) {
        const double frequency = elementary_exp(-logarithm * (double)i / (double)half);
        for (size_t t = 0; t < model->setup.sequence; t++) {
            double sine, cosine;
            elementary_sine_cosine((double)t * frequency, &sine, &cosine);
            model->sine[t * half + i] = (float)sine;
            model->cosine[t * half + i] = (float)cosine;
        }
    }
}

int model_create(struct model **model, const struct model_setup *setup, struct error *error) {
    *model = NULL;
    const struct kernels *kernels = kernels_chosen(setup->precision, error);
    if (!kernels || setup_check(setup, error) != 0)
        return -1;
    const size_t bytes = model_memory_bytes(setup);
    void *block;
    if (posix_memalign(&block, bytes >= 16 * HUGE_PAGE ? HUGE_PAGE : 64, bytes) != 0)
        return error_set(error, ERROR_FAILED, "model: %.1f GiB of memory are not there; use a smaller micro-batch",
                         (double)bytes * 0x1p-30);
    struct model *made = block;
    if (bytes >= 16 * HUGE_PAGE)
        madvise(block, bytes, MADV_HUGEPAGE); /* columns of a matrix lie pages apart; only a wish */
    memset(made, 0, sizeof *made);
    model_lay_out(made, setup, block);
    made->setup = *setup;
    made->setup.sharing = sharing_of(setup);
    made->kernels = kernels;
    made->parameters = model_parameters(&setup->shape);
    made->drop_key = random_u64(setup->seed, 0, 1);
#pragma omp parallel /* by the threads that will work on them: memory lies near who touches it first */
    {
#pragma omp for
        for (size_t i = 0; i < gradient_count(setup) * made->parameters; i++)
            made->gradient[i] = 0;
#pragma omp for
        for (size_t i = 0; i < made->owned; i++)
            made->mean[i] = made->variance[i] = 0;
    }
    weights_initialize(made, random_u64(setup->seed, 0, 0));
    angles_initialize(made);
    *model = made;
    return 0;
}

void model_destroy(struct model *model) {
    free(model);
}

float *model_weights(struct model *model) {
    return model->weights;
}

float *model_gradients(struct model *model) {
    return model->gradient;
}
