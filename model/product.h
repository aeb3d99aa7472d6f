/* Matrix products for vectors of 16 lanes: included behind vector.h by kernels_avx2.c and kernels_avx512.c.
 *
 * A tile is TILE_ROWS x TILE_COLUMNS elements of C, held in registers while the sums run along the inner dimension,
 * BLOCK_DEPTH terms at a time; C carries the chain of additions from one block to the next. All threads pack a block of
 * the right operand with as many terms as fit, then share out units of C, each of which stays in its thread's cache
 * over all these terms: threads wait for each other twice a block, not twice every BLOCK_DEPTH terms. Operands, packed:
 *
 *   right operand: panels of TILE_COLUMNS columns          panel [depth, TILE_COLUMNS]
 *   left operand:  tiles of TILE_ROWS rows, either as rows  tile [TILE_ROWS, BLOCK_DEPTH]
 *                  or, when it is stored transposed,        tile [depth, TILE_STEP]
 *
 * Goto and van de Geijn, "Anatomy of high-performance matrix multiplication", ACM TOMS 34, 2008. */
#ifndef SWEEP_MODEL_PRODUCT_H
#define SWEEP_MODEL_PRODUCT_H

#include "model/kernels.h"

#include <string.h>

enum {
    TILE_COLUMNS = TILE_VECTORS * LANES,
    TILE_STEP = (TILE_ROWS + 7) / 8 * 8,
    TILE_SIZE = TILE_STEP * BLOCK_DEPTH, /* floats of a packed tile of either form */
    BLOCK_ROOM = 1 << 18,                /* floats of a block of the right operand, for at most */
    BLOCK_ROWS = 512,                    /* so many rows */
    UNIT_TILES = 140 / TILE_ROWS,        /* a thread's unit of work: at most so many tiles below each other */
    UNIT_PANELS = 32,                    /* times so many panels: C of half a megabyte */
};

static inline size_t smaller(size_t x, size_t y) {
    return x < y ? x : y;
}

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
        for (size_t j = 0; j < TILE_VECTORS; j++)
            __builtin_prefetch(next + smaller(next_row, TILE_ROWS - 1) * stride + j * LANES, 1);
        const size_t end = smaller(first + 8, depth);
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
#pragma GCC unroll 16
    for (size_t i = 0; i < TILE_ROWS; i++)
#pragma GCC unroll 2
        for (size_t j = 0; j < TILE_VECTORS; j++)
            vector_store(c + i * stride + j * LANES, sum[i][j]);
}

enum tile_layout { TILE_OF_ROWS, TILE_OF_STEPS, TILE_OF_SCORES /* of steps BLOCK_DEPTH apart: not packed */ };

static void tile_product(float *c, size_t stride, const float *left, enum tile_layout layout, const float *panel,
                         size_t depth, bool accumulate, const float *next) {
    if (layout == TILE_OF_ROWS)
        tile_multiply(c, stride, left, BLOCK_DEPTH, 1, panel, depth, accumulate, next);
    else if (layout == TILE_OF_STEPS)
        tile_multiply(c, stride, left, 1, TILE_STEP, panel, depth, accumulate, next);
    else
        tile_multiply(c, stride, left, 1, BLOCK_DEPTH, panel, depth, accumulate, next);
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

/* tile [TILE_ROWS, BLOCK_DEPTH] of from [rows, depth]; zeros behind rows. */
static void tile_pack(float *tile, const float *from, size_t stride, size_t rows, size_t depth) {
    for (size_t i = 0; i < TILE_ROWS; i++)
        if (i < rows)
            memcpy(tile + i * BLOCK_DEPTH, from + i * stride, depth * sizeof *tile);
        else
            memset(tile + i * BLOCK_DEPTH, 0, depth * sizeof *tile);
}

/* Neighbouring tiles, each [depth, TILE_STEP], of from [depth, rows]; zeros behind rows. */
static void tiles_pack_transposed(float (*tile)[TILE_SIZE], size_t tiles, const float *from, size_t stride, size_t rows,
                                  size_t depth) {
    for (size_t p = 0; p < depth; p++)
        for (size_t i = 0; i < tiles; i++) {
            const vector x =
                vector_load_first(from + p * stride + i * TILE_ROWS, smaller(rows - i * TILE_ROWS, TILE_ROWS));
            vector_store_first(tile[i] + p * TILE_STEP, x, TILE_STEP);
        }
}

static size_t parts(size_t size, size_t part) {
    return (size + part - 1) / part;
}

/* What all units of one block of the right operand have in common. */
struct product {
    float *c;
    const float *a, *panels; /* panels: [block_depth / BLOCK_DEPTH][block_columns / TILE_COLUMNS, <= BLOCK_DEPTH,
                                TILE_COLUMNS] */
    size_t rows, columns, depth;
    size_t column, block_columns, p, block_depth; /* the block: where it begins, its size */
    size_t unit_tiles;                            /* rows of a unit, in tiles; at most UNIT_TILES */
    bool left_transposed, accumulate;
};

/* Where the panels of the block's terms from p on begin. */
static size_t panels_of(const struct product *block, size_t p) {
    return p * parts(block->block_columns, TILE_COLUMNS) * TILE_COLUMNS;
}

/* Tiles of a from row and term p on, packed. */
static void unit_pack(float (*left)[TILE_SIZE], size_t tiles, const struct product *product, size_t row, size_t p,
                      size_t depth) {
    const size_t rows = product->rows - row;
    if (product->left_transposed)
        tiles_pack_transposed(left, tiles, product->a + p * product->rows + row, product->rows, rows, depth);
    else
        for (size_t i = 0; i < tiles; i++)
            tile_pack(left[i], product->a + (row + i * TILE_ROWS) * product->depth + p, product->depth,
                      rows - i * TILE_ROWS, depth);
}

/* A unit of work: so much of C that it stays near while the sums run along the whole depth of the block. Its tiles of
 * the left operand are packed by the thread that uses them. */
static void unit_product(const struct product *product, size_t row, size_t first_panel) {
    float left[UNIT_TILES][TILE_SIZE] __attribute__((aligned(64)));
    const size_t rows = product->rows - row, columns = product->columns;
    const size_t tiles = smaller(parts(rows, TILE_ROWS), product->unit_tiles);
    const size_t panels = smaller(parts(product->block_columns, TILE_COLUMNS), first_panel + UNIT_PANELS);
    const enum tile_layout layout = product->left_transposed ? TILE_OF_STEPS : TILE_OF_ROWS;
    for (size_t p = 0; p < product->block_depth; p += BLOCK_DEPTH) {
        const size_t depth = smaller(product->block_depth - p, BLOCK_DEPTH);
        const float *panel = product->panels + panels_of(product, p) + first_panel * TILE_COLUMNS * depth;
        unit_pack(left, tiles, product, row, product->p + p, depth);
        for (size_t j = first_panel; j < panels; j++, panel += TILE_COLUMNS * depth)
            for (size_t i = 0; i < tiles; i++) {
                const size_t column = product->column + j * TILE_COLUMNS;
                float *c = product->c + (row + i * TILE_ROWS) * columns + column;
                const float *next = i + 1 < tiles    ? c + TILE_ROWS * columns
                                    : j + 1 < panels ? product->c + row * columns + column + TILE_COLUMNS
                                                     : c;
                tile_product_cut(c, columns, rows - i * TILE_ROWS, columns - column, left[i], layout, panel, depth,
                                 product->accumulate || p > 0, next);
            }
    }
}

/* The panels of one column of panels of b, for all terms of the block. */
static void block_pack(float *panels, const struct product *block, const float *b, enum product_form form, size_t j) {
    const size_t column = block->column + j, columns = block->block_columns - j;
    for (size_t p = 0; p < block->block_depth; p += BLOCK_DEPTH) {
        const size_t depth = smaller(block->block_depth - p, BLOCK_DEPTH);
        float *panel = panels + panels_of(block, p) + j * depth;
        if (form == PRODUCT_RIGHT_TRANSPOSED)
            panel_pack_transposed(panel, b + column * block->depth + block->p + p, block->depth, depth, columns);
        else
            panel_pack(panel, b + (block->p + p) * block->columns + column, block->columns, depth, columns);
    }
}

static void product(const struct workspace *work, float *c, const float *a, const float *b, size_t rows, size_t columns,
                    size_t depth, enum product_form form, bool accumulate) {
    /* as many terms as fit beside a fair number of columns, then as many columns as fit; what few rows use is soon used
     * up and better stays in a near cache */
    const size_t room = smaller(rows > BLOCK_ROWS ? rows * (BLOCK_ROOM / BLOCK_ROWS) : BLOCK_ROOM, WORKSPACE_SHARED);
    const size_t width = smaller(parts(columns, TILE_COLUMNS) * TILE_COLUMNS, BLOCK_COLUMNS);
    const size_t deep = smaller(depth, room / width / BLOCK_DEPTH * BLOCK_DEPTH);
    const size_t wide = room / deep / TILE_COLUMNS * TILE_COLUMNS;
    /* units of nearly the same height, a multiple of the threads */
    const size_t tiles = parts(rows, TILE_ROWS), threads = (size_t)work->threads;
    const size_t unit_tiles = parts(tiles, parts(parts(tiles, UNIT_TILES), threads) * threads);
    const size_t units_down = parts(tiles, unit_tiles);
#pragma omp parallel num_threads(work->threads)
    for (size_t column = 0; column < columns; column += wide)
        for (size_t p = 0; p < depth; p += deep) {
            const struct product block = {
                .c = c,
                .a = a,
                .panels = work->shared,
                .rows = rows,
                .columns = columns,
                .depth = depth,
                .column = column,
                .block_columns = smaller(columns - column, wide),
                .p = p,
                .block_depth = smaller(depth - p, deep),
                .unit_tiles = unit_tiles,
                .left_transposed = form == PRODUCT_LEFT_TRANSPOSED,
                .accumulate = accumulate || p > 0,
            };
#pragma omp for
            for (size_t j = 0; j < block.block_columns; j += TILE_COLUMNS)
                block_pack(work->shared, &block, b, form, j);
            const size_t units_across = parts(block.block_columns, UNIT_PANELS * TILE_COLUMNS);
#pragma omp for schedule(dynamic)
            for (size_t unit = 0; unit < units_down * units_across; unit++)
                unit_product(&block, unit / units_across * unit_tiles * TILE_ROWS, unit % units_across * UNIT_PANELS);
        }
}

#endif
