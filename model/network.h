/* What a model consists of, for the files of this room: model.c makes it, pass.c runs it forward and backward,
 * update.c changes its weights.
 *
 * M = B T rows; I = 3 H + 2 ffw columns of all that a layer makes of its normed input, in one product: query, key,
 * value [H each], gate, up [ffw each]. One block of memory holds, in this order: struct model and its layer tables;
 * weights and gradient [parameters] and partial sums of it; the optimizer's two moments [owned]; what each layer keeps
 * for the backward pass; scratch. */
#ifndef SWEEP_MODEL_NETWORK_H
#define SWEEP_MODEL_NETWORK_H

#include "model/kernels.h"
#include "model/model.h"

/* Where the matrices of a layer lie, in the weights or in the gradient. */
struct layer_weights {
    float *norm;   /* [d] */
    float *inner;  /* [d, I] */
    float *output; /* [H, d] */
    float *down;   /* [ffw, d] */
};

/* What the forward pass of a layer leaves for its backward pass. */
struct layer_state {
    float *input;    /* [M, d] */
    float *inverse;  /* [M]: of the norm */
    float *inner;    /* [M, I]: query and key rotated; the query scaled by 1 / sqrt(h) */
    float *attended; /* [M, H] */
    float *log_sum;  /* [B, heads, T] */
};

enum { SQUARE_SUM_PART = 65536 };

struct model {
    struct model_setup setup;
    const struct kernels *kernels;
    struct workspace work;
    uint64_t parameters;
    uint64_t updates;  /* AdamW steps done */
    uint64_t drop_key; /* all dropout masks derive from it */

    size_t owned_first, owned; /* parameters whose moments are here */

    float *weights;  /* [parameters] */
    float *gradient; /* [1 + log2(S / R), parameters]: the sum of the first shards, and those not yet added to it */
    float *mean, *variance; /* [owned] */
    double *square_sums;    /* [parameters / SQUARE_SUM_PART, rounded up] */
    uint32_t sums;          /* gradients that hold the sum of a whole subtree of shards, */
    uint32_t sum_shards[4]; /* and a shard of each */
    struct layer_state *layers;

    float *cosine, *sine; /* [T, h/2] */
    uint16_t *inputs;     /* [M] */
    uint16_t *targets;    /* [M] */
    float *losses;        /* [M] */
    float *last;          /* [M, d]: what the last layer gives */
    float *last_inverse;  /* [M]: of the final norm */
    float *normed;        /* [M, d]: input of a layer behind its norm */
    float *sum;           /* [M, d]: what a layer adds, and its gradient */
    float *dx;            /* [M, d]: gradient of the stream */
    float *dnormed;       /* [M, d] */
    float *dinner;        /* [M, I] */
    float *hidden;        /* [M, ffw] */
    float *dattended;     /* [M, H] */
};

/* The matrices of a layer in parameters (the weights or the gradient). */
struct layer_weights layer_weights_at(const struct model_shape *shape, float *parameters, uint32_t layer);

/* Gives all memory of a model for setup: places in block, or NULLs with block NULL; returns the bytes. */
size_t model_lay_out(struct model *model, const struct model_setup *setup, void *block);

#endif
