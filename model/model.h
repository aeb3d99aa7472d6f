/* The transformer of the study, its training step and its loss. Pure computation on token arrays.
 *
 * Decoder only: tied input and output embedding [V, d], no biases, one norm scale a layer, a parallel block
 * x <- x + Attention(norm(x)) + FFN(norm(x)), a final norm without parameters, and dropout on the embedding and on what
 * each block adds. (arXiv 2510.22037v2, table B.3: parameters are V d + layers (4 d heads kv + 3 d ffw + d).) Where the
 * paper is silent:
 *   norm       RMS norm, epsilon 1e-6
 *   positions  rotary, base 10 000, elements i and i + h/2 of a head are turned together
 *   FFN        (silu(n G) * (n U)) D
 *   weights    start normal with deviation 0.02, output and down 0.02 / sqrt(2 layers); norm scales start at 1
 *
 *   model_create -> { model_gradient (once a micro-batch) -> model_update }* -> model_losses -> model_destroy
 *
 * Several models may train the same weights together, each on its part of every batch (struct model_sharing). Then
 * gradients are added up in a fixed tree, so that their sum has the same bits however many models there are:
 *
 *   the batch of B sequences is cut into S shards, shard s from sequence floor(s B / S) on; each has a gradient of its
 *   own, and these are added in pairs, the sums in pairs again: ((0 + 1) + (2 + 3)) + ((4 + 5) + (6 + 7))
 *
 * Model r of R has S / R neighbouring shards and adds theirs, a subtree. The caller adds the sums of the models along
 * the rest of the tree, and hands weights around: each model updates only those that it owns, and has only their
 * moments. Memory: weights, gradient, log2(S / R) more gradients, and 2 / R for the moments.
 *
 * A model owns everything it needs in one block, allocated by model_create and never grown; model_memory_bytes says
 * before how large it is. OpenMP threads: as many as omp_get_max_threads() says when the model is made; a few megabytes
 * of the block belong to each. Results are the same bits for any number of threads and any instruction set
 * (kernels.h says how). Tokens given to a model must be below V. */
#ifndef SWEEP_MODEL_MODEL_H
#define SWEEP_MODEL_MODEL_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

struct model_shape {
    uint32_t layers;
    uint32_t width; /* d, "embed" in the published table */
    uint32_t heads;
    uint32_t head_size;    /* kv, even, at most 256; heads * kv may differ from d */
    uint32_t feed_forward; /* ffw: columns of each of the three matrices */
    uint32_t vocabulary;   /* V, 1 to 65 536: tokens are 16 bits */
};

/* Of matrix products; everything else, and every number that is kept, is fp32 in both. */
enum model_precision {
    MODEL_FP32,
    MODEL_BF16 /* operands of products rounded to bf16, sums in fp32 */
};

enum { MODEL_SHARDS_MAX = 8 };

/* How a batch is cut, and which part of it this model has. All zeros: it is not cut, and the model has all of it. */
struct model_sharing {
    uint32_t batch;       /* B: sequences of an optimizer step, at least R */
    uint32_t shards;      /* S: 1, 2, 4 or 8 */
    uint32_t rank, ranks; /* r and R: a power of two, at most S */

    /* If set: called by model_gradient when elements [first, first + count) of this model's gradient hold the sum over
     * all its shards, while the rest of the backward pass is still to come. The same ranges in the same order in every
     * model; together they are all elements once. */
    void (*ready)(void *context, size_t first, size_t count);
    void *context;
};

/* What a model is made for. */
struct model_setup {
    struct model_shape shape;
    enum model_precision precision;
    uint32_t batch;    /* most sequences in one call of model_gradient or model_losses */
    uint32_t sequence; /* T: tokens of a sequence */
    float dropout;     /* probability that an element is dropped, 0 to < 1 */
    uint64_t seed;     /* of the initial weights and of dropout */
    struct model_sharing sharing;
};

struct model_optimizer {
    float learning_rate;
    float beta1, beta2, epsilon;
    float weight_decay; /* decoupled, on matrices (the embedding is one), not on norm scales */
    float clip;         /* largest global norm of the gradient; 0: no clipping */
};

struct model;

/* Parameters of a shape, as published. */
uint64_t model_parameters(const struct model_shape *shape);

/* Training FLOPs of one token in sequences of T: 6 (elements of all matrices, the tied embedding once)
 * + 6 layers heads kv T. */
double model_flops_per_token(const struct model_shape *shape, uint32_t sequence);

/* Bytes that model_create allocates for this setup, with the threads of omp_get_max_threads(); 0: impossible setup. */
size_t model_memory_bytes(const struct model_setup *setup);

/* Allocates and initializes a model. Fails on impossible shapes and when memory is short. */
int model_create(struct model **model, const struct model_setup *setup, struct error *error);
void model_destroy(struct model *model);

/* Adds to the gradient that of scale * sum over the count * T predictions of the cross entropy (nats), with dropout.
 * tokens: [count, T + 1], row i holds a sequence and, behind it, its last target; count <= setup.batch. step and
 * first_sequence (place of row 0 in the whole batch) select the dropout masks, so cutting a batch into other
 * micro-batches drops the same elements. A micro-batch lies in one shard, and they come in order. *loss receives the
 * plain sum of the cross entropies (nats). */
void model_gradient(struct model *model, const uint16_t *tokens, uint32_t count, float scale, uint64_t step,
                    uint32_t first_sequence, double *loss);

/* Clips the gradient, applies one AdamW step (bias-corrected) and clears the gradient. Returns the norm of the gradient
 * before clipping; when it is not finite nothing is changed but the gradient cleared. */
double model_update(struct model *model, const struct model_optimizer *optimizer);

/* model_update in two steps, for models that train together. Each owns neighbouring elements of all parameters: model r
 * of R those from model_owned_first(setup, r) to model_owned_first(setup, r + 1).
 *
 * model_square_sums: sums of squares over parts of the gradient, from which its norm is made; those of model r begin at
 * model_square_sum_first(setup, r). Computes the model's own; those of the others are for the caller to fill in.
 * model_update_owned takes them as they stand, changes the weights that the model owns, and clears all of the gradient;
 * the other weights are for the caller to bring. */
double *model_square_sums(struct model *model);
double model_update_owned(struct model *model, const struct model_optimizer *optimizer);
size_t model_square_sum_first(const struct model_setup *setup, uint32_t rank);
size_t model_owned_first(const struct model_setup *setup, uint32_t rank);

/* Cross entropy (nats) of each prediction without dropout: tokens [count, T + 1] -> losses [count, T].
 * count <= setup.batch. */
void model_losses(struct model *model, const uint16_t *tokens, uint32_t count, float *losses);

/* The parameters as one array [model_parameters], and the gradient in the same order:
 * embedding [V, d]; then for each layer norm [d], inner [d, 3 heads kv + 2 ffw], whose columns are query, key, value,
 * gate and up, output [heads kv, d], down [ffw, d]. Owned by the model. */
float *model_weights(struct model *model);
float *model_gradients(struct model *model);

#endif
