/* The operands of products in fp32 (operand.h). With bf16 their numbers are rounded to it, so that the instruction sets
 * that do not have it give the bits of the reference. */
#ifndef SWEEP_MODEL_OPERAND_FP32_H
#define SWEEP_MODEL_OPERAND_FP32_H

#include "model/tile.h"

typedef float operand;

enum {
    LEFT_ROWS = TILE_ROWS,
    RIGHT_COLUMNS = TILE_COLUMNS,
    DEPTH_STEP = 1,
    LEFT_SIZE = TILE_SIZE,
    RIGHT_SIZE = TILE_COLUMNS * BLOCK_DEPTH,
    PEAK_CHAINS = TILE_ROWS * TILE_VECTORS,
    PEAK_FLOPS = 2 * LANES
};

static inline vector peak_step(vector sum) {
    return vector_multiply_add(sum, vector_all(0.5F), vector_all(1.0F));
}

static inline size_t right_size(size_t depth) {
    return RIGHT_COLUMNS * depth;
}

static void operands_begin(void) {}
static void operands_end(void) {}

static void operands_round(float *x, size_t size) {
    for (size_t i = 0; i < size; i += LANES)
        vector_store_at(x, i, size, vector_round_bf16(vector_load_at(x, i, size)));
}

/* Neighbouring tiles, TILE_SIZE apart, each [depth, TILE_STEP], of from [depth, rows]; zeros behind rows. */
static void tiles_pack_transposed(float *tile, size_t tiles, const float *from, size_t stride, size_t rows,
                                  size_t depth, bool far) {
    for (size_t p = 0; p < depth; p++)
        for (size_t i = 0; i < tiles; i++) {
            const vector x = vector_load_at(from + p * stride, i * TILE_ROWS, rows);
            float *to = tile + i * TILE_SIZE + p * TILE_STEP;
            if (far && TILE_STEP % LANES == 0)
                vector_stream(to, x);
            else
                vector_store_at(to, 0, TILE_STEP, x);
        }
}

static void left_pack(operand *left, const float *from, size_t stride, bool transposed, size_t rows, size_t depth,
                      bool bf16, bool far) {
    const size_t tiles = parts(rows, LEFT_ROWS);
    if (transposed)
        tiles_pack_transposed(left, tiles, from, stride, rows, depth,
                              far && !bf16); /* what is rounded yet is wanted near */
    for (size_t i = 0; !transposed && i < tiles; i++)
        tile_pack(left + i * LEFT_SIZE, from + i * LEFT_ROWS * stride, stride, rows - i * LEFT_ROWS, depth);
    for (size_t i = 0; bf16 && i < tiles; i++)
        operands_round(left + i * LEFT_SIZE, transposed ? depth * TILE_STEP : LEFT_SIZE);
}

/* A block looks like tiles. */
static const operand *left_of_block(operand *left, float *block, size_t rows, size_t depth, bool bf16) {
    (void)left, (void)depth;
    if (bf16)
        operands_round(block, rows * BLOCK_STRIDE);
    return block;
}

static const operand *left_of_block_transposed(operand *left, float *block, size_t rows, size_t depth, bool bf16) {
    (void)left;
    for (size_t p = 0; bf16 && p < depth; p++)
        operands_round(block + p * BLOCK_STRIDE, rows);
    return block;
}

static void right_pack(operand *right, const float *from, size_t stride, bool transposed, size_t depth, size_t columns,
                       bool bf16) {
    if (transposed)
        panel_pack_transposed(right, from, stride, depth, columns);
    else
        panel_pack(right, from, stride, depth, columns);
    if (bf16)
        operands_round(right, depth * RIGHT_COLUMNS);
}

static void operands_multiply(float *c, size_t stride, size_t rows, size_t columns, const operand *left,
                              enum tile_layout layout, const operand *right, size_t depth, bool accumulate,
                              const float *next) {
    tile_product_cut(c, stride, rows, columns, left, layout, right, depth, accumulate, next);
}

#endif
