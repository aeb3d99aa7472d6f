/* All kernels but products, attention and the loss, for vectors of 16 lanes: included behind vector.h by kernels_avx2.c
 * and kernels_avx512.c. kernels_reference.c says what each computes. */
#ifndef SWEEP_MODEL_ROWS_H
#define SWEEP_MODEL_ROWS_H

#include "base/elementary.h"
#include "model/kernels.h"

#include <math.h>
#include <string.h>

static void norm(const struct workspace *work, float *y, float *inverse, const float *x, const float *scale,
                 size_t rows, size_t width) {
#pragma omp parallel for num_threads(work->threads)
    for (size_t m = 0; m < rows; m++) {
        const float *row = x + m * width;
        inverse[m] = 1.0F / sqrtf(vector_dot(row, row, width) / (float)width + 1e-6F);
        const vector factor = vector_all(inverse[m]);
        for (size_t j = 0; j < width; j += LANES) {
            vector normalized = vector_multiply(vector_load_at(row, j, width), factor);
            if (scale)
                normalized = vector_multiply(normalized, vector_load_at(scale, j, width));
            vector_store_at(y + m * width, j, width, normalized);
        }
    }
}

static inline vector scaled_at(const float *x, const float *scale, size_t j, size_t size) {
    const vector value = vector_load_at(x, j, size);
    return scale ? vector_multiply(value, vector_load_at(scale, j, size)) : value;
}

static void norm_backward(const struct workspace *work, float *dx, float *dscale, const float *dy, const float *x,
                          const float *inverse, const float *scale, size_t rows, size_t width, bool accumulate) {
#pragma omp parallel for num_threads(work->threads)
    for (size_t m = 0; m < rows; m++) {
        const float *x_row = x + m * width, *dy_row = dy + m * width;
        float *dx_row = dx + m * width;
        const vector factor = vector_all(inverse[m]);
        vector sum = vector_zero();
        for (size_t j = 0; j < width; j += LANES)
            sum = vector_multiply_add(scaled_at(dy_row, scale, j, width),
                                      vector_multiply(vector_load_at(x_row, j, width), factor), sum);
        const vector mean = vector_all(vector_sum(sum) / (float)width);
        for (size_t j = 0; j < width; j += LANES) {
            const vector normalized = vector_multiply(vector_load_at(x_row, j, width), factor);
            vector through = vector_subtract_product(normalized, mean, scaled_at(dy_row, scale, j, width));
            through = vector_multiply(factor, through);
            if (accumulate)
                through = vector_add(vector_load_at(dx_row, j, width), through);
            vector_store_at(dx_row, j, width, through);
        }
    }
    if (!scale)
        return;
#pragma omp parallel for num_threads(work->threads)
    for (size_t j = 0; j < width; j += LANES) {
        vector sum = vector_load_at(dscale, j, width);
        for (size_t m = 0; m < rows; m++) {
            const vector normalized = vector_multiply(vector_load_at(x + m * width, j, width), vector_all(inverse[m]));
            sum = vector_multiply_add(vector_load_at(dy + m * width, j, width), normalized, sum);
        }
        vector_store_at(dscale, j, width, sum);
    }
}

static void rotate(const struct workspace *work, float *x, const float *cosine, const float *sine,
                   const struct attention_shape *shape, float factor, bool backward) {
    const size_t half = shape->head_size / 2;
    const size_t rows = (size_t)shape->count * shape->sequence;
    const vector scale = vector_all(factor), direction = vector_all(backward ? -1.0F : 1.0F);
#pragma omp parallel for num_threads(work->threads)
    for (size_t m = 0; m < rows; m++) {
        const float *c_row = cosine + m % shape->sequence * half, *s_row = sine + m % shape->sequence * half;
        for (size_t head = 0; head < shape->heads; head++) {
            float *first = x + m * shape->stride + head * 2 * half, *second = first + half;
            for (size_t i = 0; i < half; i += LANES) {
                const vector u = vector_multiply(vector_load_at(first, i, half), scale);
                const vector v = vector_multiply(vector_load_at(second, i, half), scale);
                const vector c = vector_load_at(c_row, i, half);
                const vector s = vector_multiply(vector_load_at(s_row, i, half), direction);
                vector_store_at(first, i, half, vector_multiply_subtract(u, c, vector_multiply(v, s)));
                vector_store_at(second, i, half, vector_multiply_add(v, c, vector_multiply(u, s)));
            }
        }
    }
}

/* 1 + e^-x */
static inline vector gate_denominator(vector x) {
    return vector_add(vector_all(1.0F), vector_exp(vector_subtract(vector_zero(), x)));
}

static void gate_forward(const struct workspace *work, float *hidden, const float *gate_up, size_t rows, size_t width,
                         size_t stride) {
#pragma omp parallel for num_threads(work->threads)
    for (size_t m = 0; m < rows; m++) {
        const float *gate = gate_up + m * stride, *up = gate + width;
        for (size_t j = 0; j < width; j += LANES) {
            const vector g = vector_load_at(gate, j, width);
            const vector silu = vector_divide(g, gate_denominator(g));
            vector_store_at(hidden + m * width, j, width, vector_multiply(silu, vector_load_at(up, j, width)));
        }
    }
}

static void gate_backward(const struct workspace *work, float *dgate_up, float *hidden, const float *gate_up,
                          size_t rows, size_t width, size_t stride) {
    const vector one = vector_all(1.0F);
#pragma omp parallel for num_threads(work->threads)
    for (size_t m = 0; m < rows; m++) {
        const float *gate = gate_up + m * stride, *up = gate + width;
        float *dgate = dgate_up + m * stride, *dup = dgate + width, *hidden_row = hidden + m * width;
        for (size_t j = 0; j < width; j += LANES) {
            const vector g = vector_load_at(gate, j, width), u = vector_load_at(up, j, width);
            const vector dhidden = vector_load_at(hidden_row, j, width), denominator = gate_denominator(g);
            const vector sigmoid = vector_divide(one, denominator), silu = vector_divide(g, denominator);
            const vector slope =
                vector_multiply(sigmoid, vector_multiply_add(g, vector_subtract(one, sigmoid), one)); /* of silu */
            vector_store_at(hidden_row, j, width, vector_multiply(silu, u));
            vector_store_at(dgate, j, width, vector_multiply(vector_multiply(dhidden, u), slope));
            vector_store_at(dup, j, width, vector_multiply(dhidden, silu));
        }
    }
}

enum { DROP_BLOCK = 128 /* elements that 16 neighbouring blocks of random bits serve */ };

/* random_philox of base/random.h for the 16 counters from low on, low a multiple of 16: plain loops over lanes, which
 * the compiler makes vectors of. */
static void philox_lanes(uint32_t word[4][LANES], uint64_t key, uint64_t high, uint64_t low) {
    uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
    for (uint32_t l = 0; l < LANES; l++) {
        word[0][l] = (uint32_t)low + l;
        word[1][l] = (uint32_t)(low >> 32);
        word[2][l] = (uint32_t)high;
        word[3][l] = (uint32_t)(high >> 32);
    }
    for (int round = 0; round < 10; round++) {
        for (size_t l = 0; l < LANES; l++) {
            const uint64_t p0 = (uint64_t)0xD2511F53 * word[0][l], p1 = (uint64_t)0xCD9E8D57 * word[2][l];
            word[0][l] = (uint32_t)(p1 >> 32) ^ word[1][l] ^ k0;
            word[2][l] = (uint32_t)(p0 >> 32) ^ word[3][l] ^ k1;
            word[1][l] = (uint32_t)p1;
            word[3][l] = (uint32_t)p0;
        }
        k0 += 0x9E3779B9;
        k1 += 0xBB67AE85;
    }
}

static void drop(const struct workspace *work, float *out, const float *base, const float *x, size_t count,
                 size_t elements, const struct dropout *dropout) {
    const float kept = 65536.0F / (65536.0F - (float)dropout->threshold);
    const size_t blocks = (elements + DROP_BLOCK - 1) / DROP_BLOCK;
#pragma omp parallel for num_threads(work->threads)
    for (size_t unit = 0; unit < count * blocks; unit++) {
        const size_t sequence = unit / blocks, first = unit % blocks * DROP_BLOCK;
        const size_t size = elements - first < DROP_BLOCK ? elements - first : DROP_BLOCK;
        const size_t offset = sequence * elements + first;
        float factor[2][4][LANES];
        if (dropout->threshold > 0) {
            uint32_t word[4][LANES];
            philox_lanes(word, dropout->key, dropout->first + sequence, first / DROP_BLOCK * LANES);
            for (size_t w = 0; w < 4; w++)
                for (size_t l = 0; l < LANES; l++) {
                    factor[0][w][l] = (word[w][l] & 0xffff) < dropout->threshold ? 0.0F : kept;
                    factor[1][w][l] = word[w][l] >> 16 < dropout->threshold ? 0.0F : kept;
                }
        }
        for (size_t i = 0; i < size; i += LANES) {
            vector value = vector_load_at(x + offset, i, size);
            if (dropout->threshold > 0)
                value = vector_multiply(value, vector_load(factor[0][0] + i));
            if (base)
                value = vector_add(vector_load_at(base + offset, i, size), value);
            vector_store_at(out + offset, i, size, value);
        }
    }
}

static void gather(const struct workspace *work, float *x, const float *embedding, const uint16_t *tokens, size_t rows,
                   size_t width) {
#pragma omp parallel for num_threads(work->threads)
    for (size_t m = 0; m < rows; m++)
        memcpy(x + m * width, embedding + tokens[m] * width, width * sizeof *x);
}

static void scatter(const struct workspace *work, float *dembedding, const float *dx, const uint16_t *tokens,
                    size_t rows, size_t width) {
#pragma omp parallel for num_threads(work->threads)
    for (size_t j = 0; j < width; j += LANES)
        for (size_t m = 0; m < rows; m++) {
            float *row = dembedding + tokens[m] * width;
            vector_store_at(row, j, width,
                            vector_add(vector_load_at(row, j, width), vector_load_at(dx + m * width, j, width)));
        }
}

static float square_sum(const float *x, size_t size) {
    return vector_dot(x, x, size);
}

static void adamw(const struct workspace *work, float *weight, float *gradient, float *mean, float *variance,
                  size_t size, const struct adamw_step *step) {
    const vector scale = vector_all(step->gradient_scale), rate = vector_all(step->learning_rate);
    const vector beta1 = vector_all(step->beta1), rest1 = vector_all(1.0F - step->beta1);
    const vector beta2 = vector_all(step->beta2), rest2 = vector_all(1.0F - step->beta2);
    const vector correction1 = vector_all(step->correction1), correction2 = vector_all(step->correction2);
    const vector epsilon = vector_all(step->epsilon), keep = vector_all(1.0F - step->decay);
#pragma omp parallel for num_threads(work->threads)
    for (size_t i = 0; i < size; i += LANES) {
        const vector g = vector_multiply(vector_load_at(gradient, i, size), scale);
        const vector m = vector_multiply_add(beta1, vector_load_at(mean, i, size), vector_multiply(rest1, g));
        const vector v = vector_multiply_add(beta2, vector_load_at(variance, i, size),
                                             vector_multiply(rest2, vector_multiply(g, g)));
        const vector denominator = vector_add(vector_square_root(vector_multiply(v, correction2)), epsilon);
        const vector change = vector_divide(vector_multiply(m, correction1), denominator);
        const vector kept = vector_multiply(vector_load_at(weight, i, size), keep);
        vector_store_at(weight, i, size, vector_subtract_product(rate, change, kept));
        vector_store_at(mean, i, size, m);
        vector_store_at(variance, i, size, v);
        vector_store_at(gradient, i, size, vector_zero());
    }
}

#endif
