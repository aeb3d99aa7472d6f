/* The loss over the vocabulary and its gradient: included behind the header of the operands.
 *
 * Rows go in passes of units, one unit a thread. A thread takes the vocabulary in blocks of LOSS_BLOCK tokens: the
 * logits of its rows with them, [rows, LOSS_BLOCK], stay in its cache, become exponentials, and are multiplied by the
 * embedding at once. They are also kept for the gradient of the embedding, packed as its left operand: that needs the
 * sums of whole rows first, and then goes by blocks of the vocabulary. [M, V] is never there, one pass of it is. */
#ifndef SWEEP_MODEL_LOSS_H
#define SWEEP_MODEL_LOSS_H

#include "base/elementary.h"
#include "model/kernels.h"

#include <math.h>
#include <omp.h>
#include <string.h>

enum { BLOCK_TILES = (LOSS_BLOCK + LEFT_ROWS - 1) / LEFT_ROWS /* left tiles of a block, transposed */ };

/* One pass: rows [first, first + rows) in units of unit_rows; where its arrays lie in the shared memory. */
struct loss_pass {
    const struct loss *loss;
    bool bf16;
    size_t first, rows, unit_rows, units, chunks; /* chunks of BLOCK_DEPTH rows in a unit */
    operand *kept;      /* [blocks of V, units, chunks, BLOCK_TILES, LEFT_SIZE]: exponentials, transposed */
    operand *scaled;    /* [units, chunks, panels of d, RIGHT_SIZE]: rows of normed, each times its factor */
    float *factors;     /* [M]: scale / sum of a row's exponentials */
    float *corrections; /* [M]: factor of the target's own row of the embedding */
};

/* A thread's rows and where its arrays lie in its own memory. */
struct loss_unit {
    size_t first, rows;
    operand *normed;                                        /* left tiles [blocks of d, tiles, LEFT_SIZE] */
    operand *left, *right;                                  /* left tiles of a block, and a panel */
    float *logits;                                          /* [rows, BLOCK_STRIDE]: of one block, then exponentials */
    float *sums, *most;                                     /* [rows, LANES] */
    float *reference, *target_logits, *target_exponentials; /* [rows] */
};

static struct loss_unit loss_unit_begin(const struct workspace *work, const struct loss_pass *pass, size_t number) {
    const size_t first = pass->first + number * pass->unit_rows, end = pass->first + pass->rows;
    const size_t tiles = parts(pass->unit_rows, LEFT_ROWS), padded = parts(tiles * LEFT_ROWS, LANES) * LANES;
    struct loss_unit unit = {.first = first, .rows = first < end ? smaller(end - first, pass->unit_rows) : 0};
    unit.logits = work->own + (size_t)omp_get_thread_num() * work->own_size;
    unit.sums = unit.logits + padded * BLOCK_STRIDE;
    unit.most = unit.sums + padded * LANES;
    unit.reference = unit.most + padded * LANES;
    unit.target_logits = unit.reference + padded;
    unit.target_exponentials = unit.target_logits + padded;
    unit.left = (operand *)(unit.target_exponentials + padded);
    unit.right = unit.left + tiles * LEFT_SIZE;
    unit.normed = unit.right + RIGHT_SIZE;
    return unit;
}

/* Brings a share of what lies there near: the part-th of so many. */
static void prefetch_share(const void *from, size_t bytes, size_t part, size_t shares) {
    for (size_t line = bytes / 64 * part / shares; line < bytes / 64 * (part + 1) / shares; line++)
        __builtin_prefetch((const char *)from + 64 * line, 0, 2);
}

/* logits of the unit's rows with tokens [token, token + count) */
static void logits_multiply(const struct loss_pass *pass, const struct loss_unit *unit, size_t token, size_t count) {
    const size_t d = pass->loss->width, tiles = parts(unit->rows, LEFT_ROWS);
    for (size_t p = 0; p < d; p += BLOCK_DEPTH) {
        const size_t depth = smaller(d - p, BLOCK_DEPTH);
        for (size_t j = 0; j < count; j += RIGHT_COLUMNS) {
            right_pack(unit->right, pass->loss->embedding + (token + j) * d + p, d, true, depth, count - j, pass->bf16);
            for (size_t i = 0; i < tiles; i++) {
                if (token + j + 2 * RIGHT_COLUMNS <= pass->loss->vocabulary)
                    prefetch_share(pass->loss->embedding + (token + j + RIGHT_COLUMNS) * d,
                                   RIGHT_COLUMNS * d * sizeof(float), i, tiles);
                float *c = unit->logits + i * LEFT_ROWS * BLOCK_STRIDE + j;
                operands_multiply(c, BLOCK_STRIDE, LEFT_ROWS, RIGHT_COLUMNS,
                                  unit->normed + (p / BLOCK_DEPTH * tiles + i) * LEFT_SIZE, TILE_OF_ROWS, unit->right,
                                  depth, p > 0, c + LEFT_ROWS * BLOCK_STRIDE);
            }
        }
    }
}

/* The logits become exponentials, zeros behind count, and are counted; the target's is put aside. */
static void logits_exponentiate(const struct loss_pass *pass, const struct loss_unit *unit, size_t token,
                                size_t count) {
    for (size_t r = 0; r < unit->rows; r++) {
        float *row = unit->logits + r * BLOCK_STRIDE;
        const size_t target = (size_t)pass->loss->targets[unit->first + r] - token;
        const vector reference = vector_all(unit->reference[r]);
        vector sum = vector_load(unit->sums + r * LANES), most = vector_load(unit->most + r * LANES);
        if (target < count)
            unit->target_logits[r] = row[target];
        for (size_t j = 0; j < LOSS_BLOCK; j += LANES) {
            vector p = vector_zero();
            if (j < count) {
                const vector logit = vector_load(row + j);
                p = vector_exp(vector_subtract(logit, reference));
                if (count - j < LANES)
                    p = vector_keep_first(p, count - j);
                most = vector_maximum(most, vector_first_or(logit, smaller(count - j, LANES), most));
                sum = vector_add(sum, p);
            }
            vector_store(row + j, p);
        }
        vector_store(unit->sums + r * LANES, sum);
        vector_store(unit->most + r * LANES, most);
        if (target < count) {
            unit->target_exponentials[r] = row[target];
            row[target] = 0;
        }
    }
}

/* dnormed += exponentials times embedding; the exponentials are kept, far: by the time they are wanted again, all
 * others have gone through the caches. */
static void exponentials_apply(const struct loss_pass *pass, const struct loss_unit *unit, size_t number, size_t token,
                               size_t count) {
    const size_t d = pass->loss->width;
    float *dnormed = pass->loss->dnormed + unit->first * d;
    const operand *left = left_of_block(unit->left, unit->logits, unit->rows, count, pass->bf16);
    for (size_t j = 0; j < d; j += RIGHT_COLUMNS) {
        right_pack(unit->right, pass->loss->embedding + token * d + j, d, false, count, d - j, pass->bf16);
        for (size_t i = 0; i < unit->rows; i += LEFT_ROWS)
            operands_multiply(dnormed + i * d + j, d, unit->rows - i, d - j, left + i / LEFT_ROWS * LEFT_SIZE,
                              TILE_OF_ROWS, unit->right, count, token > 0, dnormed + (i + LEFT_ROWS) * d + j);
    }
    for (size_t chunk = 0; chunk < parts(unit->rows, BLOCK_DEPTH); chunk++) {
        const size_t place = (token / LOSS_BLOCK * pass->units + number) * pass->chunks + chunk;
        const size_t first = chunk * BLOCK_DEPTH;
        left_pack(pass->kept + place * BLOCK_TILES * LEFT_SIZE, unit->logits + first * BLOCK_STRIDE, BLOCK_STRIDE, true,
                  count, smaller(unit->rows - first, BLOCK_DEPTH), pass->bf16, true);
    }
}

/* Goes once through the vocabulary. The reference of a row is the largest of its first block of logits, and stays:
 * false when others exceed it so far that exponentials may overflow; then it is set to the largest of all. */
static bool vocabulary_pass(const struct loss_pass *pass, const struct loss_unit *unit, size_t number, bool again) {
    const size_t V = pass->loss->vocabulary;
    for (size_t r = 0; r < unit->rows; r++) {
        vector_store(unit->sums + r * LANES, vector_zero());
        vector_store(unit->most + r * LANES, vector_all(-INFINITY));
    }
    for (size_t token = 0; token < V; token += LOSS_BLOCK) {
        const size_t count = smaller(V - token, LOSS_BLOCK);
        logits_multiply(pass, unit, token, count);
        for (size_t r = 0; !again && token == 0 && r < unit->rows; r++)
            unit->reference[r] = vector_largest(unit->logits + r * BLOCK_STRIDE, count);
        logits_exponentiate(pass, unit, token, count);
        if (pass->loss->dnormed)
            exponentials_apply(pass, unit, number, token, count);
    }
    bool fine = true;
    for (size_t r = 0; r < unit->rows; r++) {
        const float largest = vector_most(vector_load(unit->most + r * LANES));
        if (largest > unit->reference[r] + LOSS_EXCESS) {
            unit->reference[r] = largest;
            fine = false;
        }
    }
    return fine;
}

static void unit_loss(const struct loss_pass *pass, const struct loss_unit *unit, size_t number) {
    const struct loss *loss = pass->loss;
    const size_t d = loss->width, tiles = parts(unit->rows, LEFT_ROWS);
    for (size_t p = 0; p < d; p += BLOCK_DEPTH)
        left_pack(unit->normed + p / BLOCK_DEPTH * tiles * LEFT_SIZE, loss->normed + unit->first * d + p, d, false,
                  unit->rows, smaller(d - p, BLOCK_DEPTH), pass->bf16, false);
    if (!vocabulary_pass(pass, unit, number, false))
        vocabulary_pass(pass, unit, number, true);
    vector_stream_end();
    for (size_t r = 0; r < unit->rows; r++) {
        const size_t m = unit->first + r;
        const float sum = vector_sum(vector_load(unit->sums + r * LANES)), factor = loss->scale / sum;
        loss->losses[m] = (float)(elementary_log(sum) + ((double)unit->reference[r] - unit->target_logits[r]));
        if (!loss->dnormed)
            continue;
        pass->factors[m] = factor;
        pass->corrections[m] = unit->target_exponentials[r] * factor - loss->scale;
        const float *target = loss->embedding + loss->targets[m] * d;
        float *row = loss->dnormed + m * d;
        for (size_t j = 0; j < d; j += LANES)
            vector_store_at(row, j, d,
                            vector_multiply_add(vector_all(pass->corrections[m]), vector_load_at(target, j, d),
                                                vector_multiply(vector_load_at(row, j, d), vector_all(factor))));
    }
}

/* A panel of a chunk's rows of normed, each times its factor. */
static void scaled_pack(const struct loss_pass *pass, operand *panel, size_t first, size_t rows, size_t column) {
    const size_t d = pass->loss->width;
    float scaled[BLOCK_DEPTH * RIGHT_COLUMNS] __attribute__((aligned(64)));
    for (size_t r = 0; r < rows; r++)
        for (size_t j = 0; j < RIGHT_COLUMNS; j += LANES)
            vector_store(scaled + r * RIGHT_COLUMNS + j,
                         column + j < d
                             ? vector_multiply(vector_load_at(pass->loss->normed + (first + r) * d, column + j, d),
                                               vector_all(pass->factors[first + r]))
                             : vector_zero());
    right_pack(panel, scaled, RIGHT_COLUMNS, false, rows, RIGHT_COLUMNS, pass->bf16);
}

/* Rows of chunk number of the pass, counted over its units. */
static size_t chunk_rows(const struct loss_pass *pass, size_t number, size_t *first) {
    const size_t unit = number / pass->chunks, begin = number % pass->chunks * BLOCK_DEPTH;
    const size_t end = smaller(pass->rows, (unit + 1) * pass->unit_rows);
    *first = pass->first + unit * pass->unit_rows + begin;
    return *first < pass->first + end ? smaller(pass->first + end - *first, BLOCK_DEPTH) : 0;
}

/* Gradient of the embedding's rows from token on += exponentials^T times scaled rows. */
static void block_gradient(const struct loss_pass *pass, size_t token) {
    const size_t d = pass->loss->width, count = smaller(pass->loss->vocabulary - token, LOSS_BLOCK);
    const size_t panels = parts(d, RIGHT_COLUMNS), chunks = pass->units * pass->chunks;
    float *gradient = pass->loss->dembedding + token * d;
    for (size_t chunk = 0; chunk < chunks; chunk++) {
        size_t first;
        const size_t rows = chunk_rows(pass, chunk, &first);
        const operand *kept = pass->kept + (token / LOSS_BLOCK * chunks + chunk) * BLOCK_TILES * LEFT_SIZE;
        for (size_t j = 0; rows > 0 && j < panels; j++)
            for (size_t i = 0; i < count; i += LEFT_ROWS) {
                float *c = gradient + i * d + j * RIGHT_COLUMNS;
                operands_multiply(c, d, count - i, d - j * RIGHT_COLUMNS, kept + i / LEFT_ROWS * LEFT_SIZE,
                                  TILE_OF_STEPS, pass->scaled + (chunk * panels + j) * RIGHT_SIZE, rows, true,
                                  c + LEFT_ROWS * d);
            }
    }
}

/* What the targets' own rows of the embedding still lack, in the order of the rows. */
static void targets_correct(const struct workspace *work, const struct loss *loss, const float *corrections) {
    const size_t d = loss->width;
#pragma omp parallel for num_threads(work->threads)
    for (size_t j = 0; j < d; j += LANES)
        for (size_t m = 0; m < loss->rows; m++) {
            float *row = loss->dembedding + loss->targets[m] * d;
            vector_store_at(row, j, d,
                            vector_multiply_add(vector_all(corrections[m]), vector_load_at(loss->normed + m * d, j, d),
                                                vector_load_at(row, j, d)));
        }
}

static void loss_gradient(const struct workspace *work, const struct loss *loss) {
    const size_t unit_rows = loss_unit_rows(work->threads, loss->rows), units = (size_t)work->threads;
    const size_t panels = parts(loss->width, RIGHT_COLUMNS), blocks = parts(loss->vocabulary, LOSS_BLOCK);
    struct loss_pass pass = {
        .loss = loss,
        .bf16 = work->bf16,
        .unit_rows = unit_rows,
        .units = units,
        .chunks = parts(unit_rows, BLOCK_DEPTH),
        .factors = work->shared,
        .corrections = work->shared + parts(loss->rows, LANES) * LANES,
    };
    pass.kept = (operand *)(pass.corrections + parts(loss->rows, LANES) * LANES);
    pass.scaled = pass.kept + blocks * units * pass.chunks * BLOCK_TILES * LEFT_SIZE;
    for (pass.first = 0; pass.first < loss->rows; pass.first += units * unit_rows) {
        pass.rows = smaller(loss->rows - pass.first, units * unit_rows);
#pragma omp parallel num_threads(work->threads)
        {
            operands_begin();
#pragma omp for
            for (size_t number = 0; number < units; number++) {
                const struct loss_unit unit = loss_unit_begin(work, &pass, number);
                if (unit.rows > 0)
                    unit_loss(&pass, &unit, number);
            }
#pragma omp for
            for (size_t i = 0; i < (loss->dnormed ? units * pass.chunks * panels : 0); i++) {
                size_t first;
                const size_t rows = chunk_rows(&pass, i / panels, &first);
                scaled_pack(&pass, pass.scaled + i * RIGHT_SIZE, first, rows, i % panels * RIGHT_COLUMNS);
            }
#pragma omp for schedule(dynamic)
            for (size_t block = 0; block < (loss->dnormed ? blocks : 0); block++)
                block_gradient(&pass, block * LOSS_BLOCK);
            operands_end();
        }
    }
    if (loss->dnormed)
        targets_correct(work, loss, pass.corrections);
}

#endif
