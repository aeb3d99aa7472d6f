/* Tiles of products of fp32 matrices, for vectors of 16 lanes: included behind vector.h.
 *
 * A tile is TILE_ROWS x TILE_COLUMNS elements of C, held in registers while the sums run along the inner dimension, at
 * most BLOCK_DEPTH terms at a time; C carries the chain of additions from one block to the next. Operands come packed:
 *
 *   right operand: a panel of TILE_COLUMNS columns          panel [depth, TILE_COLUMNS]
 *   left operand:  a tile of TILE_ROWS rows, either as rows tile [TILE_ROWS, BLOCK_STRIDE]
 *                  or, when it is stored transposed,        tile [depth, TILE_STEP], TILE_STEP >= TILE_ROWS */
#ifndef SWEEP_MODEL_TILE_H
#define SWEEP_MODEL_TILE_H

#include "model/kernels.h"
#include "model/operand.h"

#include <string.h>

enum {
    TILE_COLUMNS = TILE_VECTORS * LANES,
    TILE_SIZE = TILE_ROWS * BLOCK_STRIDE, /* floats of a packed tile of either layout */
};
_Static_assert(TILE_SIZE / TILE_STEP >= BLOCK_DEPTH, "the steps of a tile go beyond its end");

/* C [TILE_ROWS, TILE_COLUMNS], with stride, (+)= left tile times right panel. Element (i, p) of the left tile lies at
 * i * row + p * step: constants wherever this is inlined. Meanwhile the next C, with the same stride, is brought near,
 * a row every 8 steps: all at once would keep the loads of the panel waiting. */
__attribute__((always_inline)) static inline void tile_multiply(float *c, size_t stride, const float *left, size_t row,
                                                                size_t step, const float *panel, size_t depth,
                                                                bool accumulate, const float *next) {
    vector sum[TILE_ROWS][TILE_VECTORS];
#pragma GCC unroll 16
    for (size_t i = 0; i < TILE_ROWS; i++)
#pragma GCC unroll 2
        for (size_t j = 0; j < TILE_VECTORS; j++)
            sum[i][j] = accumulate ? vector_load(c + i * stride + j * LANES) : vector_zero();
    for (size_t first = 0, next_row = 0; first < depth; first += 8, next_row++) {
        for (size_t j = 0; j < TILE_VECTORS && next_row < TILE_ROWS; j++)
            __builtin_prefetch(next + next_row * stride + j * LANES, 1);
        const size_t end = smaller(first + 8, depth);
#pragma GCC unroll 2
        for (size_t p = first; p < end; p++) {
            vector right[TILE_VECTORS];
#pragma GCC unroll 2
            for (size_t j = 0; j < TILE_VECTORS; j++)
                right[j] = vector_load(panel + p * TILE_COLUMNS + j * LANES);
#pragma GCC unroll 16
            for (size_t i = 0; i < TILE_ROWS; i++) {
                const vector x = vector_all(left[i * row + p * step]);
#pragma GCC unroll 2
                for (size_t j = 0; j < TILE_VECTORS; j++)
                    sum[i][j] = vector_multiply_add(x, right[j], sum[i][j]);
            }
        }
    }
    __asm__("" : "+r"(c), "+r"(stride)); /* addresses of C are made again: kept meanwhile, they would be spilled */
#pragma GCC unroll 16
    for (size_t i = 0; i < TILE_ROWS; i++)
#pragma GCC unroll 2
        for (size_t j = 0; j < TILE_VECTORS; j++)
            vector_store(c + i * stride + j * LANES, sum[i][j]);
}

static void tile_product(float *c, size_t stride, const float *left, enum tile_layout layout, const float *panel,
                         size_t depth, bool accumulate, const float *next) {
    if (layout == TILE_OF_ROWS)
        tile_multiply(c, stride, left, BLOCK_STRIDE, 1, panel, depth, accumulate, next);
    else if (layout == TILE_OF_STEPS)
        tile_multiply(c, stride, left, 1, TILE_STEP, panel, depth, accumulate, next);
    else
        tile_multiply(c, stride, left, 1, BLOCK_STRIDE, panel, depth, accumulate, next);
}

/* The same where only the first rows and columns of the tile may be wanted: through a whole tile beside C then. */
static void tile_product_cut(float *c, size_t stride, size_t rows, size_t columns, const float *left,
                             enum tile_layout layout, const float *panel, size_t depth, bool accumulate,
                             const float *next) {
    if (rows >= TILE_ROWS && columns >= TILE_COLUMNS) {
        tile_product(c, stride, left, layout, panel, depth, accumulate, next);
        return;
    }
    float whole[TILE_ROWS * TILE_COLUMNS] = {0};
    rows = smaller(rows, TILE_ROWS);
    columns = smaller(columns, TILE_COLUMNS);
    for (size_t i = 0; accumulate && i < rows; i++)
        memcpy(whole + i * TILE_COLUMNS, c + i * stride, columns * sizeof *c);
    tile_product(whole, TILE_COLUMNS, left, layout, panel, depth, accumulate, whole);
    for (size_t i = 0; i < rows; i++)
        memcpy(c + i * stride, whole + i * TILE_COLUMNS, columns * sizeof *c);
}

/* panel [depth, TILE_COLUMNS] of from [depth, columns]; zeros behind columns. */
static void panel_pack(float *panel, const float *from, size_t stride, size_t depth, size_t columns) {
    for (size_t p = 0; p < depth; p++)
        for (size_t j = 0; j < TILE_VECTORS; j++) {
            const size_t first = j * LANES;
            vector_store(panel + p * TILE_COLUMNS + first,
                         first < columns ? vector_load_at(from + p * stride, first, columns) : vector_zero());
        }
}

/* to [8, 8], with to_stride, = from [8, 8] transposed */
static inline void transpose_8(float *to, size_t to_stride, const float *from, size_t stride) {
    __m256 row[8], pair[8], quad[8];
    for (size_t i = 0; i < 8; i++)
        row[i] = _mm256_loadu_ps(from + i * stride);
    for (size_t i = 0; i < 8; i += 2) {
        pair[i] = _mm256_unpacklo_ps(row[i], row[i + 1]);
        pair[i + 1] = _mm256_unpackhi_ps(row[i], row[i + 1]);
    }
    for (size_t i = 0; i < 8; i += 4) {
        quad[i] = _mm256_shuffle_ps(pair[i], pair[i + 2], 0x44);
        quad[i + 1] = _mm256_shuffle_ps(pair[i], pair[i + 2], 0xee);
        quad[i + 2] = _mm256_shuffle_ps(pair[i + 1], pair[i + 3], 0x44);
        quad[i + 3] = _mm256_shuffle_ps(pair[i + 1], pair[i + 3], 0xee);
    }
    for (size_t i = 0; i < 4; i++) {
        _mm256_storeu_ps(to + i * to_stride, _mm256_permute2f128_ps(quad[i], quad[i + 4], 0x20));
        _mm256_storeu_ps(to + (i + 4) * to_stride, _mm256_permute2f128_ps(quad[i], quad[i + 4], 0x31));
    }
}

/* panel [depth, TILE_COLUMNS] of from [columns, depth] transposed; zeros behind columns. */
static void panel_pack_transposed(float *panel, const float *from, size_t stride, size_t depth, size_t columns) {
    columns = smaller(columns, TILE_COLUMNS);
    const size_t whole_depth = depth / 8 * 8, whole_columns = columns / 8 * 8;
    for (size_t j = 0; j < whole_columns; j += 8)
        for (size_t p = 0; p < whole_depth; p += 8)
            transpose_8(panel + p * TILE_COLUMNS + j, TILE_COLUMNS, from + j * stride + p, stride);
    for (size_t j = 0; j < TILE_COLUMNS; j++)
        for (size_t p = j < whole_columns ? whole_depth : 0; p < depth; p++)
            panel[p * TILE_COLUMNS + j] = j < columns ? from[j * stride + p] : 0;
}

/* tile [TILE_ROWS, BLOCK_STRIDE] of from [rows, depth]; zeros behind rows. */
static void tile_pack(float *tile, const float *from, size_t stride, size_t rows, size_t depth) {
    for (size_t i = 0; i < TILE_ROWS; i++)
        for (size_t p = 0; p < depth; p += LANES)
            vector_store(tile + i * BLOCK_STRIDE + p,
                         i < rows ? vector_load_at(from + i * stride, p, depth) : vector_zero());
}

#endif
