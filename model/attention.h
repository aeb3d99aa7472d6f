/* Attention for vectors of 16 lanes: included behind product.h by kernels_avx2.c and kernels_avx512.c.
 *
 * A thread takes one head of one sequence, and ATTENTION_ROWS queries of it at a time. Their scores with all keys are
 * [ATTENTION_ROWS, T] numbers in the thread's own memory, never [T, T]; the backward pass makes them again from the log
 * of each row's sum. Scores lie in blocks of BLOCK_DEPTH keys, each [ATTENTION_ROWS, BLOCK_DEPTH], so that a block is a
 * row of left tiles as tile_product wants them. Scores of keys behind a query are zero, and tiles of nothing but such
 * are left out. */
#ifndef SWEEP_MODEL_ATTENTION_H
#define SWEEP_MODEL_ATTENTION_H

#include "base/elementary.h"
#include "model/kernels.h"

#include <math.h>
#include <omp.h>
#include <string.h>

enum { SCORE_BLOCK = ATTENTION_ROWS * BLOCK_DEPTH };

/* One head of one sequence: where its arrays lie in a thread's memory (workspace_own_size adds them up). Columns of
 * panels are filled up to whole panels with zeros. */
struct head {
    size_t sequence, size;         /* T, h */
    size_t stride, offset;         /* of q, k, v and their gradients: floats from row to row, to the first element */
    size_t out_stride, out_offset; /* of out and its gradient */
    float *scores, *dscores;       /* [key blocks, ATTENTION_ROWS, BLOCK_DEPTH] */
    float *keys_across;            /* panels of k^T: [T / TILE_COLUMNS, h, TILE_COLUMNS] */
    float *values_across;          /* panels of v^T, alike */
    float *down;                   /* panels of k or v: [key blocks, h / TILE_COLUMNS, BLOCK_DEPTH, TILE_COLUMNS] */
    float *queries, *douts;        /* left tiles of the rows at hand: [ATTENTION_ROWS, BLOCK_DEPTH] */
    float *query_panels, *dout_panels; /* [h / TILE_COLUMNS, ATTENTION_ROWS, TILE_COLUMNS] */
};

static struct head head_begin(const struct workspace *work, const struct attention_shape *shape, size_t unit) {
    const size_t T = shape->sequence, h = shape->head_size, out_stride = (size_t)shape->heads * h;
    const size_t T_panels = (T + 31) / 32 * 32, h_panels = (h + 31) / 32 * 32, blocks = parts(T, BLOCK_DEPTH);
    struct head head = {
        .sequence = T,
        .size = h,
        .stride = shape->stride,
        .offset = unit / shape->heads * T * shape->stride + unit % shape->heads * h,
        .out_stride = out_stride,
        .out_offset = unit / shape->heads * T * out_stride + unit % shape->heads * h,
    };
    head.scores = work->own + (size_t)omp_get_thread_num() * work->own_size;
    head.dscores = head.scores + blocks * SCORE_BLOCK;
    head.keys_across = head.dscores + blocks * SCORE_BLOCK;
    head.values_across = head.keys_across + T_panels * h;
    head.down = head.values_across + T_panels * h;
    head.queries = head.down + blocks * BLOCK_DEPTH * h_panels;
    head.douts = head.queries + SCORE_BLOCK;
    head.query_panels = head.douts + SCORE_BLOCK;
    head.dout_panels = head.query_panels + ATTENTION_ROWS * h_panels;
    return head;
}

/* The panels of x^T, x [T, h]: right operand of scores. */
static void panels_across(const struct head *head, float *panels, const float *x) {
    for (size_t j = 0; j < head->sequence; j += TILE_COLUMNS)
        panel_pack_transposed(panels + j * head->size, x + head->offset + j * head->stride, head->stride, head->size,
                              head->sequence - j);
}

/* The panels of x [rows, h]. */
static void panels_down(const struct head *head, float *panels, const float *x, size_t stride, size_t rows) {
    for (size_t e = 0; e < head->size; e += TILE_COLUMNS)
        panel_pack(panels + e * rows, x + e, stride, rows, head->size - e);
}

/* down: the panels of x [T, h], a block of rows after the other. */
static void blocks_down(const struct head *head, const float *x) {
    const size_t columns = parts(head->size, TILE_COLUMNS) * TILE_COLUMNS;
    for (size_t j = 0; j < head->sequence; j += BLOCK_DEPTH)
        panels_down(head, head->down + j * columns, x + head->offset + j * head->stride, head->stride,
                    smaller(head->sequence - j, BLOCK_DEPTH));
}

/* x [rows, h] as left tiles. */
static void rows_pack(const struct head *head, float *tiles, const float *x, size_t stride, size_t rows) {
    for (size_t r = 0; r < rows; r += TILE_ROWS)
        tile_pack(tiles + r * BLOCK_DEPTH, x + r * stride, stride, rows - r, head->size);
}

/* scores of the rows from first on = rows times panels across, for the keys that one of a tile's rows may see. */
static void scores_multiply(const struct head *head, float *scores, const float *tiles, const float *panels,
                            size_t first, size_t rows) {
    for (size_t j = 0; j < first + rows; j += TILE_COLUMNS) {
        float *block = scores + j / BLOCK_DEPTH * SCORE_BLOCK + j % BLOCK_DEPTH;
        const size_t seen = j > first ? (j - first) / TILE_ROWS * TILE_ROWS : 0;
        for (size_t r = seen; r < rows; r += TILE_ROWS)
            tile_product(block + r * BLOCK_DEPTH, BLOCK_DEPTH, tiles + r * BLOCK_DEPTH, TILE_OF_ROWS,
                         panels + j * head->size, head->size, false, block + r * BLOCK_DEPTH);
    }
}

/* Sets row r of scores to zero from key `seen` on, as far as tiles of these rows reach. */
static void scores_clear(float *scores, size_t r, size_t seen, size_t end) {
    for (size_t j = seen; j < end;) {
        const size_t next = smaller(end, (j / BLOCK_DEPTH + 1) * BLOCK_DEPTH);
        memset(scores + j / BLOCK_DEPTH * SCORE_BLOCK + r * BLOCK_DEPTH + j % BLOCK_DEPTH, 0,
               (next - j) * sizeof *scores);
        j = next;
    }
}

/* out [rows, h], the rows from first on, = scores times the panels of down. */
static void scores_apply(const struct head *head, float *out, size_t stride, const float *scores, size_t first,
                         size_t rows) {
    const size_t columns = parts(head->size, TILE_COLUMNS) * TILE_COLUMNS;
    for (size_t r = 0; r < rows; r += TILE_ROWS) {
        const size_t seen = first + smaller(r + TILE_ROWS, rows);
        float *row = out + r * stride;
        for (size_t j = 0; j < seen; j += BLOCK_DEPTH) {
            const float *block = scores + j * ATTENTION_ROWS + r * BLOCK_DEPTH;
            const size_t block_rows = smaller(head->sequence - j, BLOCK_DEPTH);
            for (size_t e = 0; e < head->size; e += TILE_COLUMNS)
                tile_product_cut(row + e, stride, rows - r, head->size - e, block, TILE_OF_ROWS,
                                 head->down + j * columns + e * block_rows, smaller(seen - j, BLOCK_DEPTH), j > 0,
                                 row + e);
        }
    }
}

/* Row r of scores, a query that sees `seen` keys: scores become their exponentials; returns their sum. */
static float row_exponentials(float *scores, size_t r, size_t seen, float *largest) {
    *largest = scores[r * BLOCK_DEPTH];
    for (size_t j = 0; j < seen; j += BLOCK_DEPTH)
        *largest =
            vector_largest(scores + j * ATTENTION_ROWS + r * BLOCK_DEPTH, smaller(seen - j, BLOCK_DEPTH), *largest);
    vector sum = vector_zero();
    for (size_t j = 0; j < seen; j += LANES) {
        float *at = scores + j / BLOCK_DEPTH * SCORE_BLOCK + r * BLOCK_DEPTH + j % BLOCK_DEPTH;
        vector p = vector_exp(vector_subtract(vector_load(at), vector_all(*largest)));
        if (seen - j < LANES)
            p = vector_keep_first(p, seen - j);
        vector_store(at, p);
        sum = vector_add(sum, p);
    }
    return vector_sum(sum);
}

static void attention(const struct workspace *work, float *out, float *log_sum, const float *q, const float *k,
                      const float *v, const struct attention_shape *shape) {
#pragma omp parallel for num_threads(work->threads) schedule(dynamic)
    for (size_t unit = 0; unit < (size_t)shape->count * shape->heads; unit++) {
        const struct head head = head_begin(work, shape, unit);
        panels_across(&head, head.keys_across, k);
        blocks_down(&head, v);
        for (size_t first = 0; first < head.sequence; first += ATTENTION_ROWS) {
            const size_t rows = smaller(head.sequence - first, ATTENTION_ROWS), end = first + rows;
            float inverse[ATTENTION_ROWS], *out_rows = out + head.out_offset + first * head.out_stride;
            rows_pack(&head, head.queries, q + head.offset + first * head.stride, head.stride, rows);
            scores_multiply(&head, head.scores, head.queries, head.keys_across, first, rows);
            for (size_t r = 0; r < rows; r++) {
                float largest;
                const float sum = row_exponentials(head.scores, r, first + r + 1, &largest);
                scores_clear(head.scores, r, first + r + 1, end);
                log_sum[unit * head.sequence + first + r] = (float)(largest + elementary_log(sum));
                inverse[r] = 1.0F / sum;
            }
            scores_apply(&head, out_rows, head.out_stride, head.scores, first, rows);
            for (size_t r = 0; r < rows; r++) {
                float *row = out_rows + r * head.out_stride;
                for (size_t e = 0; e < head.size; e += LANES)
                    vector_store_at(row, e, head.size,
                                    vector_multiply(vector_load_at(row, e, head.size), vector_all(inverse[r])));
            }
        }
    }
}

/* Row r: scores become p = e^(score - log_sum), dscores become p (dscore - inner). */
static void row_gradient(float *scores, float *dscores, size_t r, size_t seen, float log_sum, float inner) {
    for (size_t j = 0; j < seen; j += LANES) {
        const size_t at = j / BLOCK_DEPTH * SCORE_BLOCK + r * BLOCK_DEPTH + j % BLOCK_DEPTH;
        vector p = vector_exp(vector_subtract(vector_load(scores + at), vector_all(log_sum)));
        if (seen - j < LANES)
            p = vector_keep_first(p, seen - j);
        vector_store(scores + at, p);
        vector_store(dscores + at, vector_multiply(p, vector_subtract(vector_load(dscores + at), vector_all(inner))));
    }
}

/* Rows of dx, one for each key that a query from first on may see, += scores^T times panels of the queries' rows. */
static void scores_apply_transposed(const struct head *head, float *dx, const float *scores, const float *panels,
                                    size_t first, size_t rows) {
    for (size_t block = 0; block < first + rows; block += BLOCK_DEPTH) {
        const size_t block_end = smaller(block + BLOCK_DEPTH, first + rows);
        for (size_t j = block; j < block_end; j += TILE_ROWS) {
            const size_t r = j > first ? j - first : 0; /* the first row that sees key j */
            const float *tile = scores + block * ATTENTION_ROWS + r * BLOCK_DEPTH + j - block;
            float *row = dx + head->offset + j * head->stride;
            for (size_t e = 0; e < head->size; e += TILE_COLUMNS)
                tile_product_cut(row + e, head->stride, block_end - j, head->size - e, tile, TILE_OF_SCORES,
                                 panels + e * rows + r * TILE_COLUMNS, rows - r, first > j,
                                 row + TILE_ROWS * head->stride + e);
        }
    }
}

static void attention_backward(const struct workspace *work, float *dq, float *dk, float *dv, const float *dout,
                               const float *q, const float *k, const float *v, const float *out, const float *log_sum,
                               const struct attention_shape *shape) {
#pragma omp parallel for num_threads(work->threads) schedule(dynamic)
    for (size_t unit = 0; unit < (size_t)shape->count * shape->heads; unit++) {
        const struct head head = head_begin(work, shape, unit);
        panels_across(&head, head.keys_across, k);
        panels_across(&head, head.values_across, v);
        blocks_down(&head, k);
        for (size_t first = 0; first < head.sequence; first += ATTENTION_ROWS) {
            const size_t rows = smaller(head.sequence - first, ATTENTION_ROWS), end = first + rows;
            const size_t offset = head.offset + first * head.stride;
            const float *dout_rows = dout + head.out_offset + first * head.out_stride;
            const float *out_rows = out + head.out_offset + first * head.out_stride;
            rows_pack(&head, head.queries, q + offset, head.stride, rows);
            rows_pack(&head, head.douts, dout_rows, head.out_stride, rows);
            panels_down(&head, head.query_panels, q + offset, head.stride, rows);
            panels_down(&head, head.dout_panels, dout_rows, head.out_stride, rows);
            scores_multiply(&head, head.scores, head.queries, head.keys_across, first, rows);
            scores_multiply(&head, head.dscores, head.douts, head.values_across, first, rows);
            for (size_t r = 0; r < rows; r++) {
                const float inner =
                    vector_dot(dout_rows + r * head.out_stride, out_rows + r * head.out_stride, head.size);
                row_gradient(head.scores, head.dscores, r, first + r + 1, log_sum[unit * head.sequence + first + r],
                             inner);
                scores_clear(head.scores, r, first + r + 1, end);
                scores_clear(head.dscores, r, first + r + 1, end);
            }
            scores_apply(&head, dq + offset, head.stride, head.dscores, first, rows);
            scores_apply_transposed(&head, dk, head.dscores, head.query_panels, first, rows);
            scores_apply_transposed(&head, dv, head.scores, head.dout_panels, first, rows);
        }
    }
}

#endif
