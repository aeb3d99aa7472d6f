/* The table of kernels: all arithmetic on arrays that a model does.
 *
 * Variants with the same signatures: kernels_reference.c in plain C ("portable"), and kernels_avx2.c, kernels_avx512.c,
 * kernels_avx512bf16.c and kernels_amx.c, which compile product.h, attention.h, loss.h and rows.h against vectors of 16
 * lanes (vector_*.h) and packed operands (operand.h); the last two for bf16 alone. The best one that the processor has
 * is chosen once; the environment variable SWEEP_ISA forces one.
 *
 * All but these two give the same bits, in fp32 and in bf16, with any number of threads:
 *   - an element of a matrix product is one chain of fused multiply-adds along the inner dimension, in order;
 *   - every other sum over i has 16 partial sums, lane i mod 16 taking element i in order, which are then folded:
 *     lane l + lane l + 8, then 4, 2, 1 apart;
 *   - e^x is the polynomial of kernel_exp (kernels_reference.c); everything else is an operation that IEEE 754 rounds
 *     exactly;
 *   - threads share out output elements, never the terms of one sum.
 * Those of bf16 add terms of a product as their processor does, in pairs or pieces of 32 whose borders are fixed: the
 * same bits for any number of threads.
 *
 * Arrays are row-major without padding, floats; arguments go outputs, inputs, sizes. M: rows, that is tokens of a
 * micro-batch; T: tokens of a sequence; d: width; h: head size; H = heads * h. Kernels run their own OpenMP regions. */
#ifndef SWEEP_MODEL_KERNELS_H
#define SWEEP_MODEL_KERNELS_H

#include "base/error.h"
#include "model/model.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Chooses the kernels. Fails when SWEEP_ISA names a set that is unknown or that the processor does not have. Called
 * once before any model is made; without the call model_create chooses as well. A model keeps the kernels that it was
 * made with. */
int kernels_choose(struct error *error);

/* Name of the chosen instruction set: "portable", "avx2", "avx512", and with products of bf16 "avx512bf16", "amx",
 * which mean avx512 for fp32. */
const char *kernels_isa(void);

/* Below: for the files of model/ and their tests. */

/* Memory that kernels work in, made once by the model. */
struct workspace {
    int threads;     /* of every kernel */
    bool bf16;       /* operands of products are rounded to bf16, to nearest, ties to even */
    float *own;      /* [threads, own_size]: of each thread, for what it packs */
    size_t own_size; /* workspace_own_size() */
    float *shared;   /* [workspace_shared_size()]: of the loss */
};

enum {
    BLOCK_DEPTH = 256,        /* terms of a sum that a tile of a product takes at once, */
    BLOCK_STRIDE = 304,       /* from one row of them to the next: 1 KB apart they would share few places of a cache */
    UNIT_ROWS = 672,          /* of C: so much that a thread works on at once; a block of so many rows of the left */
    UNIT_COLUMNS = 8192,      /* operand is 0.8 MB, stays in its L2 cache */
    HEAD_SIZE_MAX = 256,      /* of attention: one block deep */
    ATTENTION_ROWS_MOST = 96, /* queries that attention takes at once, as many whole tiles as they are */
    LOSS_BLOCK = 224,         /* tokens of the vocabulary whose logits are made at once: whole tiles of 14 and of 32 */
    LOSS_EXCESS = 60,         /* of a logit over its row's reference: e^60 times any vocabulary is a float */
};

/* What a workspace is made for. */
struct workspace_needs {
    int threads;
    size_t rows; /* M of the loss */
    uint32_t sequence, head_size, width, vocabulary;
};

/* Floats that each thread needs for itself. */
size_t workspace_own_size(const struct workspace_needs *needs);

/* Floats that the loss needs for one pass over so many rows. */
size_t workspace_shared_size(const struct workspace_needs *needs);

/* Rows of the loss that a thread takes at once; so many times the threads are a pass. */
size_t loss_unit_rows(int threads, size_t rows);

/* Which operand of a product is stored transposed. */
enum product_form {
    PRODUCT_PLAIN,           /* C[M,N] = A[M,K] B[K,N] */
    PRODUCT_LEFT_TRANSPOSED, /* C[M,N] = A[K,M]^T B[K,N] */
    PRODUCT_RIGHT_TRANSPOSED /* C[M,N] = A[M,K] B[N,K]^T */
};

struct attention_shape {
    uint32_t count;    /* sequences */
    uint32_t sequence; /* T */
    uint32_t heads;
    uint32_t head_size; /* h <= HEAD_SIZE_MAX */
    uint32_t stride;    /* from one row of q, k, v and of their gradients to the next; that of out is heads * h */
};

/* Selects the dropout mask of an array [count, elements]. Of each 16 random bits, those below threshold drop; what is
 * kept is multiplied by 1 / (1 - threshold / 65536). threshold 0: nothing is dropped. */
struct dropout {
    uint32_t threshold;
    uint64_t key;   /* of (seed, step, site) */
    uint64_t first; /* place of the first sequence in the whole batch */
};

/* Cross entropy (nats) of softmax(normed embedding^T) against targets, and scale times its gradient, with
 * p = e^(logit - reference) / sum, reference a logit of the row:
 *   dnormed = scale ((p - 1 at the target) embedding), dembedding += scale ((p - 1 at the target)^T normed) */
struct loss {
    const float *normed;     /* [M, d] */
    const float *embedding;  /* [V, d] */
    const uint16_t *targets; /* [M] */
    size_t rows, width, vocabulary;
    float *losses;     /* [M] */
    float *dnormed;    /* [M, d]; NULL: no gradient is wanted */
    float *dembedding; /* [V, d] */
    float scale;
};

struct adamw_step {
    float learning_rate, beta1, beta2, epsilon;
    float decay;                    /* weight is first multiplied by 1 - decay */
    float correction1, correction2; /* 1 / (1 - beta^t) */
    float gradient_scale;           /* of clipping */
};

struct kernels {
    const char *isa;
    bool bf16_alone; /* these kernels round operands of products to bf16, whatever the workspace says */

    /* C (+)= A B. accumulate: the chain of each element starts from what C holds, else from 0. */
    void (*product)(const struct workspace *work, float *c, const float *a, const float *b, size_t rows, size_t columns,
                    size_t depth, enum product_form form, bool accumulate);

    /* RMS norm over rows of x [M, d]: inverse[m] = 1 / sqrt(mean_j x[m,j]^2 + 1e-6), y = x * inverse * scale.
     * scale [d]; NULL: no scale. Zhang and Sennrich 2019, arXiv 1910.07467. */
    void (*norm)(const struct workspace *work, float *y, float *inverse, const float *x, const float *scale,
                 size_t rows, size_t width);

    /* dx (+)= gradient through the norm of dy; dscale [d] += its scale's (NULL as scale is). */
    void (*norm_backward)(const struct workspace *work, float *dx, float *dscale, const float *dy, const float *x,
                          const float *inverse, const float *scale, size_t rows, size_t width, bool accumulate);

    /* Rotary positions in place, x as q: of each head of row t of a sequence, elements i and i + h/2 are turned by the
     * angle of (t, i) and multiplied by factor; backward turns the other way. cosine, sine: [T, h/2]. Su et al. 2021,
     * arXiv 2104.09864. */
    void (*rotate)(const struct workspace *work, float *x, const float *cosine, const float *sine,
                   const struct attention_shape *shape, float factor, bool backward);

    /* Causal attention, out = softmax(q k^T) v per head; q, k, v, out: [count * T, H]; q comes scaled.
     * log_sum [count, heads, T]: log of each softmax's sum, which is all that the backward pass needs of it. */
    void (*attention)(const struct workspace *work, float *out, float *log_sum, const float *q, const float *k,
                      const float *v, const struct attention_shape *shape);
    void (*attention_backward)(const struct workspace *work, float *dq, float *dk, float *dv, const float *dout,
                               const float *q, const float *k, const float *v, const float *out, const float *log_sum,
                               const struct attention_shape *shape);

    /* Gated unit: hidden [M, width] = silu(gate) * up, silu(x) = x / (1 + e^-x). Rows of gate_up, stride apart, begin
     * with gate [width] and up [width]. Shazeer 2020, arXiv 2002.05202. */
    void (*gate)(const struct workspace *work, float *hidden, const float *gate_up, size_t rows, size_t width,
                 size_t stride);

    /* Comes with hidden's gradient in hidden; leaves hidden there, and the gradient of gate_up, laid out as it is. */
    void (*gate_backward)(const struct workspace *work, float *dgate_up, float *hidden, const float *gate_up,
                          size_t rows, size_t width, size_t stride);

    /* out = base + dropped x; base NULL: out = dropped x. All [count, elements]; out may be base or x. */
    void (*drop)(const struct workspace *work, float *out, const float *base, const float *x, size_t count,
                 size_t elements, const struct dropout *dropout);

    /* Rows of an embedding [V, d] for tokens [M]; and backward, dembedding += rows of dx. */
    void (*gather)(const struct workspace *work, float *x, const float *embedding, const uint16_t *tokens, size_t rows,
                   size_t width);
    void (*scatter)(const struct workspace *work, float *dembedding, const float *dx, const uint16_t *tokens,
                    size_t rows, size_t width);

    void (*loss)(const struct workspace *work, const struct loss *loss);

    /* Sum of squares of x [size], size <= 65 536. One thread. */
    float (*square_sum)(const float *x, size_t size);

    /* One AdamW step over [size] elements; the gradient is cleared. Loshchilov and Hutter 2019, arXiv 1711.05101. */
    void (*adamw)(const struct workspace *work, float *weight, float *gradient, float *mean, float *variance,
                  size_t size, const struct adamw_step *step);

    /* For measuring: rounds of independent chains of fused multiply-adds in registers, on one thread; returns the
     * floating-point operations that these are. *result depends on all of them. */
    double (*multiply_adds)(uint64_t rounds, float *result);

    /* The same of products whose operands stay in the nearest cache: the most that a product can come to. */
    double (*cached_products)(uint64_t rounds, float *result);
};

/* The chosen table for a precision; chooses when that was not done. NULL after a failed choice. */
const struct kernels *kernels_chosen(enum model_precision precision, struct error *error);

extern const struct kernels kernels_reference;
#if defined(__x86_64__)
extern const struct kernels kernels_avx2, kernels_avx512, kernels_avx512bf16, kernels_amx;
#endif

#endif
