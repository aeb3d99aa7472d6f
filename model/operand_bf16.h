/* The operands of products in bf16 (operand.h), for AVX-512 with bf16: included by operand_dot.h and operand_amx.h,
 * which multiply them. Both take operands in pieces of PIECE terms, filled up with zeros; two neighbouring terms make a
 * pair of 32 bits:
 *
 *   left operand:  a tile of LEFT_ROWS rows         tile [pieces, LEFT_ROWS, PIECE]
 *   right operand: a panel of RIGHT_COLUMNS columns panel [pieces, RIGHT_COLUMNS / LANES, PIECE / 2, LANES pairs] */
#ifndef SWEEP_MODEL_OPERAND_BF16_H
#define SWEEP_MODEL_OPERAND_BF16_H

#include "model/kernels.h"
#include "model/operand.h"

#include <stdint.h>
#include <string.h>

typedef uint16_t operand;

enum {
    PIECE = 32,
    RIGHT_COLUMNS = 2 * LANES,
    DEPTH_STEP = PIECE,
    LEFT_SIZE = LEFT_ROWS * BLOCK_DEPTH,
    RIGHT_SIZE = RIGHT_COLUMNS * BLOCK_DEPTH,
    SQUARE = LANES * PIECE, /* operands of 16 rows, or columns, of a piece */
    PEAK_CHAINS = 28,
    PEAK_FLOPS = 4 * LANES
};

static inline vector peak_step(vector sum) {
    const __m512bh halves = (__m512bh)_mm512_set1_epi32(0x3f003f00), ones = (__m512bh)_mm512_set1_epi32(0x3f803f80);
    return _mm512_dpbf16_ps(sum, halves, ones);
}

/* Two neighbouring operands, read as one number. */
typedef uint32_t __attribute__((may_alias)) pair_of_operands;

/* C [LEFT_ROWS, RIGHT_COLUMNS], with stride, (+)= tile times panel, depth filled up to whole pieces. */
static void tile_dot(float *c, size_t stride, const operand *left, const operand *right, size_t depth, bool accumulate);

static inline size_t right_size(size_t depth) {
    return RIGHT_COLUMNS * parts(depth, PIECE) * PIECE;
}

/* 32 terms of a row, of which count are there: 16 pairs */
static inline __m512i pairs_of_row(const float *from, size_t count) {
    const __m512 low = vector_load_first(from, smaller(count, LANES));
    const __m512 high = count > LANES ? vector_load_first(from + LANES, smaller(count - LANES, LANES)) : vector_zero();
    return (__m512i)_mm512_cvtne2ps_pbh(high, low);
}

/* 16 columns, of which count are there, of two rows, of which the second may be missing: 16 pairs */
static inline __m512i pairs_of_rows(const float *first, const float *second, size_t count) {
    const __m512i order = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6,
                                           21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
    const __m512 low = vector_load_first(first, count),
                 high = second ? vector_load_first(second, count) : vector_zero();
    return _mm512_permutexvar_epi16(order, (__m512i)_mm512_cvtne2ps_pbh(high, low));
}

/* A square of 16 x 16 pairs, transposed in place. */
static inline void pairs_transpose(__m512i x[LANES]) {
    __m512i y[LANES];
#pragma GCC unroll 8
    for (int i = 0; i < LANES; i += 2) { /* 1 x 1 */
        y[i] = _mm512_unpacklo_epi32(x[i], x[i + 1]);
        y[i + 1] = _mm512_unpackhi_epi32(x[i], x[i + 1]);
    }
#pragma GCC unroll 4
    for (int i = 0; i < LANES; i += 4) { /* 2 x 2: rows i to i + 3, of each four columns one */
        x[i] = _mm512_unpacklo_epi64(y[i], y[i + 2]);
        x[i + 1] = _mm512_unpackhi_epi64(y[i], y[i + 2]);
        x[i + 2] = _mm512_unpacklo_epi64(y[i + 1], y[i + 3]);
        x[i + 3] = _mm512_unpackhi_epi64(y[i + 1], y[i + 3]);
    }
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) { /* quarters: 4 x 4 blocks of 128 bits */
        const __m512i a = _mm512_shuffle_i32x4(x[i], x[i + 4], 0x88), b = _mm512_shuffle_i32x4(x[i], x[i + 4], 0xdd);
        const __m512i c = _mm512_shuffle_i32x4(x[i + 8], x[i + 12], 0x88);
        const __m512i d = _mm512_shuffle_i32x4(x[i + 8], x[i + 12], 0xdd);
        y[i] = _mm512_shuffle_i32x4(a, c, 0x88);
        y[i + 8] = _mm512_shuffle_i32x4(a, c, 0xdd);
        y[i + 4] = _mm512_shuffle_i32x4(b, d, 0x88);
        y[i + 12] = _mm512_shuffle_i32x4(b, d, 0xdd);
    }
    for (int i = 0; i < LANES; i++)
        x[i] = y[i];
}

/* 16 pairs of each of 16 rows: of rows that are stored as columns of from [terms, rows] */
static inline void square_of_columns(__m512i pairs[LANES], const float *from, size_t stride, size_t terms,
                                     size_t rows) {
    for (size_t q = 0; q < LANES; q++)
        pairs[q] = 2 * q < terms ? pairs_of_rows(from + 2 * q * stride,
                                                 2 * q + 1 < terms ? from + (2 * q + 1) * stride : NULL, rows)
                                 : _mm512_setzero_si512();
}

static void left_pack(operand *left, const float *from, size_t stride, bool transposed, size_t rows, size_t depth,
                      bool bf16, bool far) {
    (void)bf16; /* always */
    for (size_t i = 0; i < rows; i += LEFT_ROWS, left += LEFT_SIZE)
        for (size_t p = 0; p < depth; p += PIECE) {
            operand *piece = left + p * LEFT_ROWS;
            const size_t tile_rows = smaller(rows - i, LEFT_ROWS);
            for (size_t r = 0; !transposed && r < LEFT_ROWS; r++)
                _mm512_storeu_si512(piece + r * PIECE, r < tile_rows
                                                           ? pairs_of_row(from + (i + r) * stride + p, depth - p)
                                                           : _mm512_setzero_si512());
            for (size_t first = 0; transposed && first < LEFT_ROWS; first += LANES) {
                __m512i pairs[LANES];
                const size_t count = first < tile_rows ? smaller(tile_rows - first, LANES) : 0;
                square_of_columns(pairs, from + p * stride + i + first, stride, depth - p, count);
                pairs_transpose(pairs);
                for (size_t r = 0; r < LANES && first + r < LEFT_ROWS; r++)
                    if (far)
                        _mm512_stream_si512((__m512i *)(piece + (first + r) * PIECE), pairs[r]);
                    else
                        _mm512_storeu_si512(piece + (first + r) * PIECE, pairs[r]);
            }
        }
}

static const operand *left_of_block(operand *left, float *block, size_t rows, size_t depth, bool bf16) {
    left_pack(left, block, BLOCK_STRIDE, false, rows, depth, bf16, false);
    return left;
}

static const operand *left_of_block_transposed(operand *left, float *block, size_t rows, size_t depth, bool bf16) {
    left_pack(left, block, BLOCK_STRIDE, true, rows, depth, bf16, false);
    return left;
}

static void right_pack(operand *right, const float *from, size_t stride, bool transposed, size_t depth, size_t columns,
                       bool bf16) {
    (void)bf16;
    columns = smaller(columns, RIGHT_COLUMNS);
    for (size_t p = 0; p < depth; p += PIECE)
        for (size_t j = 0; j < RIGHT_COLUMNS; j += LANES, right += SQUARE) {
            __m512i pairs[LANES];
            const size_t count = j < columns ? smaller(columns - j, LANES) : 0;
            if (transposed) {
                for (size_t n = 0; n < LANES; n++)
                    pairs[n] =
                        n < count ? pairs_of_row(from + (j + n) * stride + p, depth - p) : _mm512_setzero_si512();
                pairs_transpose(pairs);
            } else
                square_of_columns(pairs, from + p * stride + j, stride, depth - p, count);
            for (size_t q = 0; q < LANES; q++)
                _mm512_storeu_si512(right + q * PIECE, pairs[q]);
        }
}

static void operands_multiply(float *c, size_t stride, size_t rows, size_t columns, const operand *left,
                              enum tile_layout layout, const operand *right, size_t depth, bool accumulate,
                              const float *next) {
    (void)layout; /* all tiles are packed alike */
    for (size_t i = 0; i < LEFT_ROWS; i++)
        for (size_t j = 0; j < RIGHT_COLUMNS; j += LANES)
            __builtin_prefetch(next + i * stride + j, 1);
    if (rows >= LEFT_ROWS && columns >= RIGHT_COLUMNS) {
        tile_dot(c, stride, left, right, depth, accumulate);
        return;
    }
    float whole[LEFT_ROWS * RIGHT_COLUMNS] __attribute__((aligned(64))) = {0};
    rows = smaller(rows, LEFT_ROWS);
    columns = smaller(columns, RIGHT_COLUMNS);
    for (size_t i = 0; accumulate && i < rows; i++)
        memcpy(whole + i * RIGHT_COLUMNS, c + i * stride, columns * sizeof *c);
    tile_dot(whole, RIGHT_COLUMNS, left, right, depth, accumulate);
    for (size_t i = 0; i < rows; i++)
        memcpy(c + i * stride, whole + i * RIGHT_COLUMNS, columns * sizeof *c);
}

#endif
