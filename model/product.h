/* Matrix products: included behind the header of the operands.
 *
 * Threads share out units of C, UNIT_ROWS x UNIT_COLUMNS at most, and each packs what its units need for itself: nobody
 * waits for anybody. A unit's block of the left operand stays in the thread's L2 cache, a panel of the right one in L1.
 *
 * Goto and van de Geijn, "Anatomy of high-performance matrix multiplication", ACM TOMS 34, 2008. */
#ifndef SWEEP_MODEL_PRODUCT_H
#define SWEEP_MODEL_PRODUCT_H

#include "model/kernels.h"

#include <omp.h>

struct product {
    float *c;
    const float *a, *b;
    size_t rows, columns, depth;
    bool left_transposed, right_transposed, accumulate, bf16;
};

/* A unit of C [rows, columns] from (row, column) on. left and right: memory for its tiles and a panel. */
static void unit_product(const struct product *product, operand *left, operand *right, size_t row, size_t rows,
                         size_t column, size_t columns) {
    const size_t left_stride = product->left_transposed ? product->rows : product->depth;
    const size_t right_stride = product->right_transposed ? product->depth : product->columns;
    const size_t stride = product->columns;
    float *c = product->c + row * stride + column;
    /* blocks of nearly the same depth, of whole pieces of bf16 operands */
    const size_t block = parts(parts(product->depth, parts(product->depth, BLOCK_DEPTH)), 32) * 32;
    for (size_t p = 0; p < product->depth; p += block) {
        const size_t depth = smaller(product->depth - p, block);
        left_pack(left, product->a + (product->left_transposed ? p * left_stride + row : row * left_stride + p),
                  left_stride, product->left_transposed, rows, depth, product->bf16, false);
        for (size_t j = 0; j < columns; j += RIGHT_COLUMNS) {
            const size_t first = column + j;
            right_pack(right,
                       product->b + (product->right_transposed ? first * right_stride + p : p * right_stride + first),
                       right_stride, product->right_transposed, depth, columns - j, product->bf16);
            for (size_t i = 0; i < rows; i += LEFT_ROWS)
                operands_multiply(c + i * stride + j, stride, rows - i, columns - j, left + i / LEFT_ROWS * LEFT_SIZE,
                                  product->left_transposed ? TILE_OF_STEPS : TILE_OF_ROWS, right, depth,
                                  product->accumulate || p > 0,
                                  c + (i + LEFT_ROWS < rows ? (i + LEFT_ROWS) * stride + j : j + RIGHT_COLUMNS));
        }
    }
}

static void product(const struct workspace *work, float *c, const float *a, const float *b, size_t rows, size_t columns,
                    size_t depth, enum product_form form, bool accumulate) {
    const struct product product = {
        .c = c,
        .a = a,
        .b = b,
        .rows = rows,
        .columns = columns,
        .depth = depth,
        .left_transposed = form == PRODUCT_LEFT_TRANSPOSED,
        .right_transposed = form == PRODUCT_RIGHT_TRANSPOSED,
        .accumulate = accumulate,
        .bf16 = work->bf16,
    };
    /* units of nearly the same size, as many for each thread if that can be */
    const size_t threads = (size_t)work->threads;
    size_t down = parts(rows, UNIT_ROWS), across = parts(columns, UNIT_COLUMNS);
    while (down * across % threads != 0 && down * across < 8 * threads &&
           (rows > down * LEFT_ROWS || columns > across * RIGHT_COLUMNS))
        if (rows * across > columns * down)
            down++;
        else
            across++;
    const size_t unit_rows = parts(parts(rows, LEFT_ROWS), down) * LEFT_ROWS;
    const size_t unit_columns = parts(parts(columns, RIGHT_COLUMNS), across) * RIGHT_COLUMNS;
    down = parts(rows, unit_rows);
    across = parts(columns, unit_columns);
#pragma omp parallel for num_threads(work->threads) schedule(dynamic)
    for (size_t unit = 0; unit < down * across; unit++) {
        const size_t row = unit / across * unit_rows, column = unit % across * unit_columns;
        operand *left = (operand *)(work->own + (size_t)omp_get_thread_num() * work->own_size);
        operands_begin();
        unit_product(&product, left, left + parts(UNIT_ROWS, LEFT_ROWS) * LEFT_SIZE, row,
                     smaller(rows - row, unit_rows), column, smaller(columns - column, unit_columns));
        operands_end();
    }
}

#endif
