/* Products of bf16 operands by the dot products of AVX-512: each instruction adds two terms to 16 sums, rounding them
 * as the processor does. */
#ifndef SWEEP_MODEL_OPERAND_DOT_H
#define SWEEP_MODEL_OPERAND_DOT_H

enum { LEFT_ROWS = 14 };

#include "model/operand_bf16.h"

static void operands_begin(void) {}
static void operands_end(void) {}

static void tile_dot(float *c, size_t stride, const operand *left, const operand *right, size_t depth,
                     bool accumulate) {
    vector sum[LEFT_ROWS][2];
#pragma GCC unroll 16
    for (size_t i = 0; i < LEFT_ROWS; i++)
#pragma GCC unroll 2
        for (size_t j = 0; j < 2; j++)
            sum[i][j] = accumulate ? vector_load(c + i * stride + j * LANES) : vector_zero();
    for (size_t p = 0; p < depth; p += PIECE, left += LEFT_ROWS * PIECE, right += 2 * SQUARE)
        for (size_t q = 0; q < PIECE; q += 2) {
            const __m512bh low = (__m512bh)_mm512_loadu_si512(right + q * LANES);
            const __m512bh high = (__m512bh)_mm512_loadu_si512(right + SQUARE + q * LANES);
#pragma GCC unroll 16
            for (size_t i = 0; i < LEFT_ROWS; i++) {
                const __m512bh pair = (__m512bh)_mm512_set1_epi32(*(const pair_of_operands *)(left + i * PIECE + q));
                sum[i][0] = _mm512_dpbf16_ps(sum[i][0], pair, low);
                sum[i][1] = _mm512_dpbf16_ps(sum[i][1], pair, high);
            }
        }
#pragma GCC unroll 16
    for (size_t i = 0; i < LEFT_ROWS; i++)
#pragma GCC unroll 2
        for (size_t j = 0; j < 2; j++)
            vector_store(c + i * stride + j * LANES, sum[i][j]);
}

#endif
