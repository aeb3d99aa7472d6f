/* The forward and the backward pass. Reads as the formulas do:
 *
 *   x_0     = drop(E[tokens])
 *   n       = norm(x_l) * scale
 *   x_l+1   = x_l + drop(attention(rotate(n Q), rotate(n K), n V) O + (silu(n G) * n U) D)
 *   logits  = norm(x_L) E^T
 *
 * The backward pass takes the layers from the last to the first and makes again what was cheap to make (norms, the
 * hidden layer, dropout masks). The last one of a shard also adds its gradient to those of the shards before it, as far
 * as the tree says, each tensor as soon as it is whole. */
#include "base/random.h"
#include "model/network.h"

#include <math.h>
#include <string.h>

struct pass {
    uint32_t count; /* sequences */
    size_t rows;    /* count * T */
    struct attention_shape attention;
    uint32_t drop_threshold;
    uint64_t step, first_sequence;
    float *gradient;       /* of the shard at hand */
    bool shard_ends, ends; /* this is the last pass of its shard, of the model's part of the batch */
    uint32_t sums;         /* gradients that are left behind this pass */
};

static struct pass pass_begin(struct model *model, const uint16_t *tokens, uint32_t count) {
    const struct model_shape *shape = &model->setup.shape;
    const size_t T = model->setup.sequence;
    for (size_t i = 0; i < count; i++) {
        memcpy(model->inputs + i * T, tokens + i * (T + 1), T * sizeof *tokens);
        memcpy(model->targets + i * T, tokens + i * (T + 1) + 1, T * sizeof *tokens);
    }
    return (struct pass){
        .count = count,
        .rows = count * T,
        .attention = {.count = count,
                      .sequence = (uint32_t)T,
                      .heads = shape->heads,
                      .head_size = shape->head_size,
                      .stride = 3 * shape->heads * shape->head_size + 2 * shape->feed_forward},
    };
}

/* Site 0 is the embedding, site l + 1 what layer l adds. */
static void drop(const struct model *model, const struct pass *pass, uint32_t site, float *out, const float *base,
                 const float *x) {
    const struct dropout dropout = {
        .threshold = pass->drop_threshold,
        .key = random_u64(model->drop_key, pass->step, site),
        .first = pass->first_sequence,
    };
    const size_t elements = (size_t)model->setup.sequence * model->setup.shape.width;
    model->kernels->drop(&model->work, out, base, x, pass->count, elements, &dropout);
}

static void layer_forward(struct model *model, const struct pass *pass, uint32_t layer, float *out) {
    const struct kernels *kernels = model->kernels;
    const struct workspace *work = &model->work;
    const struct model_shape *shape = &model->setup.shape;
    const struct layer_weights weights = layer_weights_at(shape, model->weights, layer);
    const struct layer_state *state = &model->layers[layer];
    const size_t M = pass->rows, d = shape->width, H = (size_t)shape->heads * shape->head_size;
    const size_t ffw = shape->feed_forward, I = 3 * H + 2 * ffw;
    const float query_factor = 1.0F / sqrtf((float)shape->head_size);
    float *query = state->inner, *key = query + H, *value = key + H, *gate_up = value + H;

    kernels->norm(work, model->normed, state->inverse, state->input, weights.norm, M, d);
    kernels->product(work, state->inner, model->normed, weights.inner, M, I, d, PRODUCT_PLAIN, false);

    kernels->rotate(work, query, model->cosine, model->sine, &pass->attention, query_factor, false);
    kernels->rotate(work, key, model->cosine, model->sine, &pass->attention, 1, false);
    kernels->attention(work, state->attended, state->log_sum, query, key, value, &pass->attention);
    kernels->product(work, model->sum, state->attended, weights.output, M, d, H, PRODUCT_PLAIN, false);

    kernels->gate(work, model->hidden, gate_up, M, ffw, I);
    kernels->product(work, model->sum, model->hidden, weights.down, M, d, ffw, PRODUCT_PLAIN, true);

    drop(model, pass, layer + 1, out, state->input, model->sum);
}

/* Which gradient the pass goes into, and which sums are whole behind it. Two neighbouring sums are added when they make
 * up a subtree, that is when the next shard branches off the tree above where they meet. */
static void shard_find(struct model *model, struct pass *pass, uint32_t first_sequence) {
    const struct model_sharing *sharing = &model->setup.sharing;
    const uint64_t B = sharing->batch, S = sharing->shards, next_sequence = first_sequence + pass->count;
    pass->gradient = model->gradient + model->sums * model->parameters;
    pass->sums = model->sums;
    if (S <= 1)
        return;
    const uint32_t shard = (uint32_t)(((first_sequence + 1) * S - 1) / B);
    const uint32_t next = (uint32_t)(((next_sequence + 1) * S - 1) / B);
    pass->ends = next_sequence == (sharing->rank + 1) * B / sharing->ranks;
    pass->shard_ends = next != shard;
    if (!pass->shard_ends)
        return;
    model->sum_shards[pass->sums++] = shard;
    while (pass->sums > 1 && (pass->ends || (model->sum_shards[pass->sums - 2] ^ shard) < (shard ^ next)))
        pass->sums--;
}

/* Of the shard's gradient, count elements from first on are whole: they are added to the sums before them, as far as is
 * due, and told of when they are the model's. */
static void gradient_ready(struct model *model, const struct pass *pass, const float *first, size_t count) {
    const struct model_sharing *sharing = &model->setup.sharing;
    const size_t place = (size_t)(first - pass->gradient);
    if (!pass->shard_ends)
        return;
    for (uint32_t sum = model->sums; sum >= pass->sums; sum--) {
        float *to = model->gradient + (sum - 1) * model->parameters + place, *from = to + model->parameters;
#pragma omp parallel for simd num_threads(model->work.threads)
        for (size_t i = 0; i < count; i++) {
            to[i] += from[i];
            from[i] = 0;
        }
    }
    if (pass->ends && sharing->ready)
        sharing->ready(sharing->context, place, count);
}

/* Comes with dx, the gradient of what the layer gives; leaves that of what it takes. */
static void layer_backward(struct model *model, const struct pass *pass, uint32_t layer) {
    const struct kernels *kernels = model->kernels;
    const struct workspace *work = &model->work;
    const struct model_shape *shape = &model->setup.shape;
    const struct layer_weights weights = layer_weights_at(shape, model->weights, layer);
    const struct layer_weights gradient = layer_weights_at(shape, pass->gradient, layer);
    const struct layer_state *state = &model->layers[layer];
    const size_t M = pass->rows, d = shape->width, H = (size_t)shape->heads * shape->head_size;
    const size_t ffw = shape->feed_forward, I = 3 * H + 2 * ffw;
    const float query_factor = 1.0F / sqrtf((float)shape->head_size);
    float *query = state->inner, *key = query + H, *value = key + H, *gate_up = value + H;
    float *dquery = model->dinner, *dkey = dquery + H, *dvalue = dkey + H, *dgate_up = dvalue + H;
    const enum product_form left = PRODUCT_LEFT_TRANSPOSED, right = PRODUCT_RIGHT_TRANSPOSED;
    float *dsum = model->sum, *dnormed = model->dnormed;

    drop(model, pass, layer + 1, dsum, NULL, model->dx);
    kernels->norm(work, model->normed, state->inverse, state->input, weights.norm, M, d);

    kernels->product(work, model->hidden, dsum, weights.down, M, ffw, d, right, false);
    kernels->gate_backward(work, dgate_up, model->hidden, gate_up, M, ffw, I);
    kernels->product(work, gradient.down, model->hidden, dsum, ffw, d, M, left, true);
    gradient_ready(model, pass, gradient.down, ffw * d);

    kernels->product(work, model->dattended, dsum, weights.output, M, H, d, right, false);
    kernels->product(work, gradient.output, state->attended, dsum, H, d, M, left, true);
    gradient_ready(model, pass, gradient.output, H * d);
    kernels->attention_backward(work, dquery, dkey, dvalue, model->dattended, query, key, value, state->attended,
                                state->log_sum, &pass->attention);
    kernels->rotate(work, dquery, model->cosine, model->sine, &pass->attention, query_factor, true);
    kernels->rotate(work, dkey, model->cosine, model->sine, &pass->attention, 1, true);

    kernels->product(work, gradient.inner, model->normed, model->dinner, d, I, M, left, true);
    kernels->product(work, dnormed, model->dinner, weights.inner, M, d, I, right, false);
    kernels->norm_backward(work, model->dx, gradient.norm, dnormed, state->input, state->inverse, weights.norm, M, d,
                           true);
    gradient_ready(model, pass, gradient.norm, d + d * I);
}

/* From the inputs to the final norm, which is left in model->normed. */
static void layers_forward(struct model *model, const struct pass *pass) {
    const struct model_shape *shape = &model->setup.shape;
    float *x = model->layers[0].input;
    model->kernels->gather(&model->work, x, model->weights, model->inputs, pass->rows, shape->width);
    drop(model, pass, 0, x, NULL, x);
    for (uint32_t layer = 0; layer < shape->layers; layer++)
        layer_forward(model, pass, layer, layer + 1 < shape->layers ? model->layers[layer + 1].input : model->last);
    model->kernels->norm(&model->work, model->normed, model->last_inverse, model->last, NULL, pass->rows, shape->width);
}

/* Cross entropies of all rows into losses; when gradient is set, also scale times the gradient of their sum: that of
 * the final norm's output into dnormed, the embedding's added to gradient [V, d]. */
static void losses_of(struct model *model, size_t rows, float *losses, float scale, float *gradient) {
    const struct loss loss = {
        .normed = model->normed,
        .embedding = model->weights,
        .targets = model->targets,
        .rows = rows,
        .width = model->setup.shape.width,
        .vocabulary = model->setup.shape.vocabulary,
        .losses = losses,
        .dnormed = gradient ? model->dnormed : NULL,
        .dembedding = gradient,
        .scale = scale,
    };
    model->kernels->loss(&model->work, &loss);
}

void model_gradient(struct model *model, const uint16_t *tokens, uint32_t count, float scale, uint64_t step,
                    uint32_t first_sequence, double *loss) {
    const struct model_shape *shape = &model->setup.shape;
    struct pass pass = pass_begin(model, tokens, count);
    pass.drop_threshold = (uint32_t)fminf(rintf(model->setup.dropout * 65536.0F), 65535.0F);
    pass.step = step;
    pass.first_sequence = first_sequence;
    shard_find(model, &pass, first_sequence);

    layers_forward(model, &pass);
    losses_of(model, pass.rows, model->losses, scale, pass.gradient);
    *loss = 0;
    for (size_t m = 0; m < pass.rows; m++)
        *loss += model->losses[m];

    model->kernels->norm_backward(&model->work, model->dx, NULL, model->dnormed, model->last, model->last_inverse, NULL,
                                  pass.rows, shape->width, false);
    for (uint32_t layer = shape->layers; layer-- > 0;)
        layer_backward(model, &pass, layer);
    drop(model, &pass, 0, model->dx, NULL, model->dx);
    model->kernels->scatter(&model->work, pass.gradient, model->dx, model->inputs, pass.rows, shape->width);
    gradient_ready(model, &pass, pass.gradient, (size_t)shape->vocabulary * shape->width);
    model->sums = pass.ends ? 0 : pass.sums;
}

void model_losses(struct model *model, const uint16_t *tokens, uint32_t count, float *losses) {
    const struct pass pass = pass_begin(model, tokens, count);
    layers_forward(model, &pass);
    losses_of(model, pass.rows, losses, 1, NULL);
}
