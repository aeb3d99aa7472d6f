/* Attention: included behind the header of the operands.
 *
 * A thread takes one head of one sequence, and ATTENTION_ROWS queries of it at a time. Their scores with all keys are
 * [ATTENTION_ROWS, T] numbers in the thread's own memory, never [T, T]; the backward pass makes them again from the log
 * of each row's sum. Scores lie in blocks of BLOCK_DEPTH keys, each [ATTENTION_ROWS, BLOCK_STRIDE]. Scores of keys
 * behind a query are zero, and tiles of nothing but such are left out. */
#ifndef SWEEP_MODEL_ATTENTION_H
#define SWEEP_MODEL_ATTENTION_H

#include "base/elementary.h"
#include "model/kernels.h"

#include <math.h>
#include <omp.h>
#include <string.h>

enum { ATTENTION_ROWS = ATTENTION_ROWS_MOST / LEFT_ROWS * LEFT_ROWS, SCORE_BLOCK = ATTENTION_ROWS * BLOCK_STRIDE };

/* One head of one sequence: where its arrays lie in a thread's memory (workspace_own_size adds them up). */
struct head {
    size_t sequence, size;         /* T, h */
    size_t stride, offset;         /* of q, k, v and their gradients: floats from row to row, to the first element */
    size_t out_stride, out_offset; /* of out and its gradient */
    size_t panels;                 /* that h columns take */
    bool bf16;
    float *scores, *dscores;              /* [key blocks, ATTENTION_ROWS, BLOCK_STRIDE] */
    operand *keys_across, *values_across; /* panels of k^T and v^T [T / RIGHT_COLUMNS, right_size(h)] */
    operand *down;                        /* panels of k or v [key blocks, panels, RIGHT_SIZE] */
    operand *query_panels, *dout_panels;  /* of the rows at hand [panels, right_size(ATTENTION_ROWS)] */
    operand *queries, *douts;             /* left tiles of the rows at hand */
    operand *left;                        /* a left tile */
};

static struct head head_begin(const struct workspace *work, const struct attention_shape *shape, size_t unit) {
    const size_t T = shape->sequence, h = shape->head_size, out_stride = (size_t)shape->heads * h;
    const size_t blocks = parts(T, BLOCK_DEPTH), across = parts(T, RIGHT_COLUMNS) * right_size(h);
    struct head head = {
        .sequence = T,
        .size = h,
        .stride = shape->stride,
        .offset = unit / shape->heads * T * shape->stride + unit % shape->heads * h,
        .out_stride = out_stride,
        .out_offset = unit / shape->heads * T * out_stride + unit % shape->heads * h,
        .panels = parts(h, RIGHT_COLUMNS),
        .bf16 = work->bf16,
    };
    head.scores = work->own + (size_t)omp_get_thread_num() * work->own_size;
    head.dscores = head.scores + blocks * SCORE_BLOCK;
    head.keys_across = (operand *)(head.dscores + blocks * SCORE_BLOCK);
    head.values_across = head.keys_across + across;
    head.down = head.values_across + across;
    head.query_panels = head.down + blocks * head.panels * RIGHT_SIZE;
    head.dout_panels = head.query_panels + head.panels * right_size(ATTENTION_ROWS);
    head.queries = head.dout_panels + head.panels * right_size(ATTENTION_ROWS);
    head.douts = head.queries + ATTENTION_ROWS / LEFT_ROWS * LEFT_SIZE;
    head.left = head.douts + ATTENTION_ROWS / LEFT_ROWS * LEFT_SIZE;
    return head;
}

/* The panels of x^T, x [T, h]: right operand of scores. */
static void panels_across(const struct head *head, operand *panels, const float *x) {
    for (size_t j = 0; j < head->sequence; j += RIGHT_COLUMNS, panels += right_size(head->size))
        right_pack(panels, x + head->offset + j * head->stride, head->stride, true, head->size, head->sequence - j,
                   head->bf16);
}

/* The panels of x [rows, h], each of so many operands. */
static void panels_down(const struct head *head, operand *panels, size_t size, const float *x, size_t stride,
                        size_t rows) {
    for (size_t e = 0; e < head->size; e += RIGHT_COLUMNS, panels += size)
        right_pack(panels, x + e, stride, false, rows, head->size - e, head->bf16);
}

/* down: the panels of x [T, h], a block of rows after the other. */
static void blocks_down(const struct head *head, const float *x) {
    for (size_t j = 0; j < head->sequence; j += BLOCK_DEPTH)
        panels_down(head, head->down + j / BLOCK_DEPTH * head->panels * RIGHT_SIZE, RIGHT_SIZE,
                    x + head->offset + j * head->stride, head->stride, smaller(head->sequence - j, BLOCK_DEPTH));
}

/* The scores of row r with the keys from j on. */
static inline float *score_at(float *scores, size_t r, size_t j) {
    return scores + j / BLOCK_DEPTH * SCORE_BLOCK + r * BLOCK_STRIDE + j % BLOCK_DEPTH;
}

/* scores of the rows from first on = rows times panels across, for the keys that one of a tile's rows may see. */
static void scores_multiply(const struct head *head, float *scores, const operand *rows_left, const operand *panels,
                            size_t first, size_t rows) {
    for (size_t j = 0; j < first + rows; j += RIGHT_COLUMNS, panels += right_size(head->size)) {
        const size_t seen = j > first ? (j - first) / LEFT_ROWS * LEFT_ROWS : 0;
        for (size_t r = seen; r < rows; r += LEFT_ROWS) {
            float *c = score_at(scores, r, j);
            operands_multiply(c, BLOCK_STRIDE, LEFT_ROWS, RIGHT_COLUMNS, rows_left + r / LEFT_ROWS * LEFT_SIZE,
                              TILE_OF_ROWS, panels, head->size, false, c);
        }
    }
}

/* out [rows, h], the rows from first on, = scores times the panels of down. */
static void scores_apply(const struct head *head, float *out, size_t stride, float *scores, size_t first, size_t rows) {
    for (size_t r = 0; r < rows; r += LEFT_ROWS) {
        const size_t seen = first + smaller(r + LEFT_ROWS, rows);
        for (size_t j = 0; j < seen; j += BLOCK_DEPTH) {
            const size_t depth = smaller(seen - j, BLOCK_DEPTH);
            const operand *left = left_of_block(head->left, score_at(scores, r, j), LEFT_ROWS, depth, head->bf16);
            const operand *panel = head->down + j / BLOCK_DEPTH * head->panels * RIGHT_SIZE;
            for (size_t e = 0; e < head->size; e += RIGHT_COLUMNS, panel += RIGHT_SIZE)
                operands_multiply(out + r * stride + e, stride, rows - r, head->size - e, left, TILE_OF_ROWS, panel,
                                  depth, j > 0, out + r * stride + e);
        }
    }
}

/* Rows of dx, one for each key that a query from first on may see, += scores^T times panels of the queries' rows. */
static void scores_apply_transposed(const struct head *head, float *dx, float *scores, const operand *panels,
                                    size_t first, size_t rows) {
    const size_t size = right_size(ATTENTION_ROWS);
    for (size_t block = 0; block < first + rows; block += BLOCK_DEPTH) {
        const size_t block_end = smaller(block + BLOCK_DEPTH, first + rows);
        for (size_t j = block; j < block_end; j += LEFT_ROWS) {
            /* from the first row on that sees key j, or from the piece on that it lies in */
            const size_t r = (j > first ? j - first : 0) / DEPTH_STEP * DEPTH_STEP;
            const operand *left = left_of_block_transposed(head->left, score_at(scores, r, j),
                                                           smaller(block_end - j, LEFT_ROWS), rows - r, head->bf16);
            float *row = dx + head->offset + j * head->stride;
            for (size_t e = 0; e < head->size; e += RIGHT_COLUMNS)
                operands_multiply(row + e, head->stride, block_end - j, head->size - e, left, TILE_OF_SCORES,
                                  panels + e / RIGHT_COLUMNS * size + r * RIGHT_COLUMNS, rows - r, true,
                                  row + LEFT_ROWS * head->stride + e);
        }
    }
}

/* Row r of scores, a query that sees `seen` keys: scores become their exponentials, zeros from there to end; returns
 * their sum. */
static float row_exponentials(float *scores, size_t r, size_t seen, size_t end, float *largest) {
    vector most = vector_all(scores[r * BLOCK_STRIDE]), sum = vector_zero();
    for (size_t j = 0; j < seen; j += BLOCK_DEPTH) {
        const float *row = score_at(scores, r, j);
        const size_t count = smaller(seen - j, BLOCK_DEPTH);
        for (size_t i = 0; i < count; i += LANES)
            most = vector_maximum(most, vector_first_or(vector_load(row + i), smaller(count - i, LANES), most));
    }
    *largest = vector_most(most);
    const vector reference = vector_all(*largest);
    for (size_t j = 0; j < end; j += BLOCK_DEPTH) {
        float *row = score_at(scores, r, j);
        const size_t count = smaller(seen - smaller(j, seen), BLOCK_DEPTH), stop = smaller(end - j, BLOCK_DEPTH);
        for (size_t i = 0; i < stop; i += LANES) {
            vector p = vector_exp(vector_subtract(vector_load(row + i), reference));
            if (i + LANES > count)
                p = vector_keep_first(p, count - smaller(i, count));
            vector_store(row + i, p);
            sum = vector_add(sum, p);
        }
    }
    return vector_sum(sum);
}

static void attention_of_head(const struct head *head, float *out, float *log_sum, const float *q, const float *k,
                              const float *v) {
    panels_across(head, head->keys_across, k);
    blocks_down(head, v);
    for (size_t first = 0; first < head->sequence; first += ATTENTION_ROWS) {
        const size_t rows = smaller(head->sequence - first, ATTENTION_ROWS), end = first + rows;
        float inverse[ATTENTION_ROWS], *out_rows = out + head->out_offset + first * head->out_stride;
        left_pack(head->queries, q + head->offset + first * head->stride, head->stride, false, rows, head->size,
                  head->bf16, false);
        scores_multiply(head, head->scores, head->queries, head->keys_across, first, rows);
        for (size_t r = 0; r < rows; r++) {
            float largest;
            const float sum = row_exponentials(head->scores, r, first + r + 1, end, &largest);
            log_sum[first + r] = (float)(largest + elementary_log(sum));
            inverse[r] = 1.0F / sum;
        }
        scores_apply(head, out_rows, head->out_stride, head->scores, first, rows);
        for (size_t r = 0; r < rows; r++) {
            float *row = out_rows + r * head->out_stride;
            for (size_t e = 0; e < head->size; e += LANES)
                vector_store_at(row, e, head->size,
                                vector_multiply(vector_load_at(row, e, head->size), vector_all(inverse[r])));
        }
    }
}

static void attention(const struct workspace *work, float *out, float *log_sum, const float *q, const float *k,
                      const float *v, const struct attention_shape *shape) {
#pragma omp parallel num_threads(work->threads)
    {
        operands_begin();
#pragma omp for schedule(dynamic)
        for (size_t unit = 0; unit < (size_t)shape->count * shape->heads; unit++) {
            const struct head head = head_begin(work, shape, unit);
            attention_of_head(&head, out, log_sum + unit * head.sequence, q, k, v);
        }
        operands_end();
    }
}

/* Row r: scores become p = e^(score - log_sum), dscores become p (dscore - inner), zeros from seen to end. */
static void row_gradient(float *scores, float *dscores, size_t r, size_t seen, size_t end, float log_sum, float inner) {
    for (size_t j = 0; j < end; j += BLOCK_DEPTH) {
        float *row = score_at(scores, r, j), *drow = score_at(dscores, r, j);
        const size_t count = smaller(seen - smaller(j, seen), BLOCK_DEPTH), stop = smaller(end - j, BLOCK_DEPTH);
        for (size_t i = 0; i < stop; i += LANES) {
            vector p = vector_exp(vector_subtract(vector_load(row + i), vector_all(log_sum)));
            vector dp = vector_multiply(p, vector_subtract(vector_load(drow + i), vector_all(inner)));
            if (i + LANES > count) {
                p = vector_keep_first(p, count - smaller(i, count));
                dp = vector_keep_first(dp, count - smaller(i, count));
            }
            vector_store(row + i, p);
            vector_store(drow + i, dp);
        }
    }
}

static void rows_clear(const struct head *head, float *dx) {
    for (size_t t = 0; t < head->sequence; t++)
        memset(dx + head->offset + t * head->stride, 0, head->size * sizeof *dx);
}

static void gradient_of_head(const struct head *head, float *dq, float *dk, float *dv, const float *dout,
                             const float *q, const float *k, const float *v, const float *out, const float *log_sum) {
    panels_across(head, head->keys_across, k);
    panels_across(head, head->values_across, v);
    blocks_down(head, k);
    rows_clear(head, dk);
    rows_clear(head, dv);
    for (size_t first = 0; first < head->sequence; first += ATTENTION_ROWS) {
        const size_t rows = smaller(head->sequence - first, ATTENTION_ROWS), end = first + rows;
        const float *q_rows = q + head->offset + first * head->stride;
        const float *dout_rows = dout + head->out_offset + first * head->out_stride;
        const float *out_rows = out + head->out_offset + first * head->out_stride;
        left_pack(head->queries, q_rows, head->stride, false, rows, head->size, head->bf16, false);
        left_pack(head->douts, dout_rows, head->out_stride, false, rows, head->size, head->bf16, false);
        panels_down(head, head->query_panels, right_size(ATTENTION_ROWS), q_rows, head->stride, rows);
        panels_down(head, head->dout_panels, right_size(ATTENTION_ROWS), dout_rows, head->out_stride, rows);
        scores_multiply(head, head->scores, head->queries, head->keys_across, first, rows);
        scores_multiply(head, head->dscores, head->douts, head->values_across, first, rows);
        for (size_t r = 0; r < rows; r++) {
            const float inner =
                vector_dot(dout_rows + r * head->out_stride, out_rows + r * head->out_stride, head->size);
            row_gradient(head->scores, head->dscores, r, first + r + 1, end, log_sum[first + r], inner);
        }
        scores_apply(head, dq + head->offset + first * head->stride, head->stride, head->dscores, first, rows);
        scores_apply_transposed(head, dk, head->dscores, head->query_panels, first, rows);
        scores_apply_transposed(head, dv, head->scores, head->dout_panels, first, rows);
    }
}

static void attention_backward(const struct workspace *work, float *dq, float *dk, float *dv, const float *dout,
                               const float *q, const float *k, const float *v, const float *out, const float *log_sum,
                               const struct attention_shape *shape) {
#pragma omp parallel num_threads(work->threads)
    {
        operands_begin();
#pragma omp for schedule(dynamic)
        for (size_t unit = 0; unit < (size_t)shape->count * shape->heads; unit++) {
            const struct head head = head_begin(work, shape, unit);
            gradient_of_head(&head, dq, dk, dv, dout, q, k, v, out, log_sum + unit * head.sequence);
        }
        operands_end();
    }
}

#endif
