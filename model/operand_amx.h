/* Products of bf16 operands by AMX: a register holds 16 rows of 64 bytes, an instruction multiplies 16 x 32 terms with
 * 32 x 16. Four registers hold C, [32, 32]. */
#ifndef SWEEP_MODEL_OPERAND_AMX_H
#define SWEEP_MODEL_OPERAND_AMX_H

enum { LEFT_ROWS = 32 };

#include "model/operand_bf16.h"

/* Layout that ldtilecfg reads. */
struct tile_configuration {
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
};

/* The registers are there between these two. */
static void operands_begin(void) {
    struct tile_configuration configuration = {.palette = 1};
    for (int i = 0; i < 8; i++) {
        configuration.row_bytes[i] = 64;
        configuration.rows[i] = 16;
    }
    _tile_loadconfig(&configuration);
}
static void operands_end(void) {
    _tile_release();
}

static void tile_dot(float *c, size_t stride, const operand *left, const operand *right, size_t depth,
                     bool accumulate) {
    const size_t row = stride * sizeof *c;
    float *below = c + LANES * stride;
    if (accumulate) {
        _tile_loadd(0, c, row);
        _tile_loadd(1, c + LANES, row);
        _tile_loadd(2, below, row);
        _tile_loadd(3, below + LANES, row);
    } else {
        _tile_zero(0);
        _tile_zero(1);
        _tile_zero(2);
        _tile_zero(3);
    }
    for (size_t p = 0; p < depth; p += PIECE, left += 2 * SQUARE, right += 2 * SQUARE) {
        _tile_loadd(4, left, 64);
        _tile_loadd(6, right, 64);
        _tile_dpbf16ps(0, 4, 6);
        _tile_loadd(7, right + SQUARE, 64);
        _tile_dpbf16ps(1, 4, 7);
        _tile_loadd(5, left + SQUARE, 64);
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
    }
    _tile_stored(0, c, row);
    _tile_stored(1, c + LANES, row);
    _tile_stored(2, below, row);
    _tile_stored(3, below + LANES, row);
}

#endif
