/* What products, attention and the loss are built on: left and right operands of a matrix product, packed, in the
 * precision of the kernels. One header of three gives the functions below, behind vector.h:
 *
 *   operand_fp32.h   fp32, for any vectors; rounds to bf16 where that is wanted and the processor does not have it
 *   operand_dot.h    bf16, by the dot products of AVX-512
 *   operand_amx.h    bf16, by AMX
 *
 *   typedef operand          a number of a packed operand
 *   LEFT_ROWS                rows of C that a tile of the left operand makes
 *   RIGHT_COLUMNS            columns of C that a panel of the right operand makes
 *   DEPTH_STEP               terms that are packed together
 *   LEFT_SIZE, RIGHT_SIZE    operands of a tile, and of a panel, of at most BLOCK_DEPTH terms
 *   right_size(depth)        operands of a panel of so many terms
 *   PEAK_CHAINS, PEAK_FLOPS  independent sums that fill the registers; floating-point operations of a peak_step
 *
 *   operands_begin(), operands_end()
 *       Around what a thread does with the functions below.
 *   left_pack(left, from, stride, transposed, rows, depth, bf16, far)
 *       Tiles of from [rows, depth], as rows, or, when it is stored transposed, of from [depth, rows], as steps; these
 *       past the caches when far is set, visible to other threads behind vector_stream_end().
 *   right_pack(right, from, stride, transposed, depth, columns, bf16)
 *       Panel of from [depth, columns], or stored transposed [columns, depth]; columns behind the panel are left out.
 *   left_of_block(left, block, rows, depth, bf16)
 *       The tiles, as rows, of a block [rows, depth] of fp32 whose rows lie BLOCK_STRIDE apart; in the block itself, or
 *       packed into left.
 *   left_of_block_transposed(left, block, rows, depth, bf16)
 *       One tile, as scores, of a block [depth, rows] of that kind.
 *   operands_multiply(c, stride, rows, columns, left, layout, right, depth, accumulate, next)
 *       C [rows, columns], at most [LEFT_ROWS, RIGHT_COLUMNS] of it, (+)= tile times panel; next: what C comes then.
 *
 *   peak_step(sum)
 *       One multiply-add instruction a register of the vector, for measuring (peak.h).
 *
 * Packed rows and columns behind the last are zeros. depth <= BLOCK_DEPTH. */
#ifndef SWEEP_MODEL_OPERAND_H
#define SWEEP_MODEL_OPERAND_H

#include <stddef.h>

/* How a left tile lies, where that makes a difference (fp32). */
enum tile_layout {
    TILE_OF_ROWS,  /* element (row, step) at row * BLOCK_STRIDE + step */
    TILE_OF_STEPS, /* at step * TILE_STEP + row */
    TILE_OF_SCORES /* at step * BLOCK_STRIDE + row: a part of a block */
};

static inline size_t smaller(size_t x, size_t y) {
    return x < y ? x : y;
}

/* How many parts of a size make up a whole. */
static inline size_t parts(size_t size, size_t part) {
    return (size + part - 1) / part;
}

#endif
