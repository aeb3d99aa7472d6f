/* The choice of a kernel table, and the memory that kernels work in. */
#include "model/kernels.h"

#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

/* Newest first; the portable one stands for every processor. */
static const struct kernels *const tables[] = {
#if defined(__x86_64__)
    &kernels_amx,       &kernels_avx512bf16, &kernels_avx512, &kernels_avx2,
#endif
    &kernels_reference,
};

enum { TABLES = sizeof tables / sizeof tables[0] };

static size_t chosen = TABLES;

#if defined(__x86_64__)
/* Linux lets a process use the registers of AMX when it has asked. */
static bool amx_permitted(void) {
    enum { AMX_BF16 = 1 << 22, AMX_TILE = 1 << 24, ARCH_REQ_XCOMP_PERM = 0x1023, XFEATURE_XTILEDATA = 18 };
    unsigned eax, ebx, ecx, edx;
    return __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) && edx & AMX_BF16 && edx & AMX_TILE &&
           syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0;
}
#endif

static bool processor_has(const struct kernels *table) {
#if defined(__x86_64__)
    const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    const bool avx512bf16 = avx512 && __builtin_cpu_supports("avx512bf16");
    if (table == &kernels_amx)
        return avx512bf16 && amx_permitted();
    if (table == &kernels_avx512bf16)
        return avx512bf16;
    if (table == &kernels_avx512)
        return avx512;
    if (table == &kernels_avx2)
        return avx2;
#endif
    return table == &kernels_reference;
}

int kernels_choose(struct error *error) {
    const char *forced = getenv("SWEEP_ISA");
    if (forced && !*forced)
        forced = NULL;
    chosen = TABLES;
    bool known = false;
    for (size_t i = 0; chosen == TABLES && i < TABLES; i++) {
        if (forced && strcmp(forced, tables[i]->isa) != 0)
            continue;
        known = true;
        if (processor_has(tables[i]))
            chosen = i;
    }
    if (chosen < TABLES)
        return 0;
    return error_set(error, ERROR_INPUT, "SWEEP_ISA=%s: %s; use portable, avx2, avx512, avx512bf16 or amx, or unset it",
                     forced, known ? "this processor does not have it" : "no such instruction set");
}

const struct kernels *kernels_chosen(enum model_precision precision, struct error *error) {
    if (chosen == TABLES && kernels_choose(error) != 0)
        return NULL;
    size_t i = chosen;
    while (precision == MODEL_FP32 && tables[i]->bf16_alone)
        i++; /* to the newest older set, which the processor has as well */
    return tables[i];
}

const char *kernels_isa(void) {
    return kernels_chosen(MODEL_BF16, NULL) ? tables[chosen]->isa : "none";
}

enum {
    UNIT_PADDED = UNIT_ROWS + 32,  /* rows filled up to whole tiles, of at most 32 rows */
    BLOCK_PADDED = LOSS_BLOCK + 4, /* the same of a block of the vocabulary, in tiles of 32, 14 or 6 */
    LOSS_UNIT_LEAST = 56,
    LOSS_PASS = 1024, /* rows, when there are few threads */
};

static size_t padded(size_t size, size_t step) {
    return (size + step - 1) / step * step;
}

static size_t larger(size_t x, size_t y) {
    return x > y ? x : y;
}

/* As large as the passes of nearly the same size allow. Whole pieces of 32, so that kernels of bf16, which add terms by
 * pieces, add the same ones together for any number of threads. */
size_t loss_unit_rows(int threads, size_t rows) {
    const size_t t = (size_t)threads, most = threads == 1 ? LOSS_PASS / 2 : larger(LOSS_PASS / t, LOSS_UNIT_LEAST);
    const size_t passes = (rows + most * t - 1) / (most * t);
    return padded((rows + passes * t - 1) / (passes * t), 32);
}

/* Panels are 16 or 32 columns wide, tiles at most 32 rows high. */
size_t workspace_own_size(const struct workspace_needs *needs) {
    const size_t T = padded(needs->sequence, BLOCK_DEPTH), h = padded(needs->head_size, 32), rows = ATTENTION_ROWS_MOST;
    const size_t unit = loss_unit_rows(needs->threads, needs->rows) + 32;
    /* the arrays of struct head (attention.h), of unit_product (product.h) and of struct loss_unit (loss.h) */
    const size_t scores = T / BLOCK_DEPTH * BLOCK_STRIDE * rows, left = rows * BLOCK_STRIDE;
    const size_t attention = 2 * scores + 3 * T * h + 2 * rows * h + 2 * left + 32 * BLOCK_STRIDE;
    const size_t product = (UNIT_PADDED + 32) * BLOCK_STRIDE;
    const size_t loss =
        unit * (2 * BLOCK_STRIDE + 2 * 16 + 3 + padded(needs->width, BLOCK_DEPTH) / BLOCK_DEPTH * BLOCK_STRIDE) +
        32 * BLOCK_DEPTH;
    return padded(larger(attention, larger(product, loss)), 16);
}

/* The arrays of struct loss_pass (loss.h). */
size_t workspace_shared_size(const struct workspace_needs *needs) {
    const size_t threads = (size_t)needs->threads, unit = loss_unit_rows(needs->threads, needs->rows);
    const size_t rows = threads * padded(unit, BLOCK_DEPTH) / BLOCK_DEPTH * BLOCK_STRIDE;
    const size_t blocks = padded(needs->vocabulary, LOSS_BLOCK) / LOSS_BLOCK;
    return rows * (blocks * BLOCK_PADDED + padded(needs->width, 32)) + 2 * padded(needs->rows, 16);
}
