/* The choice of a kernel table: newest instruction set first, the portable one last. */
#include "model/kernels.h"

#include <stdlib.h>
#include <string.h>

static const struct kernels *chosen;

static const struct kernels *const tables[] = {
#if defined(__x86_64__)
    &kernels_avx512,
    &kernels_avx2,
#endif
    &kernels_reference,
};

static bool processor_has(const struct kernels *table) {
#if defined(__x86_64__)
    if (table == &kernels_avx512)
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
               __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
               __builtin_cpu_supports("fma");
    if (table == &kernels_avx2)
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#endif
    return table == &kernels_reference;
}

int kernels_choose(struct error *error) {
    const char *forced = getenv("SWEEP_ISA");
    if (forced && !*forced)
        forced = NULL;
    chosen = NULL;
    bool known = false;
    for (size_t i = 0; !chosen && i < sizeof tables / sizeof tables[0]; i++) {
        if (forced && strcmp(forced, tables[i]->isa) != 0)
            continue;
        known = true;
        if (processor_has(tables[i]))
            chosen = tables[i];
    }
    if (chosen)
        return 0;
    return error_set(error, ERROR_INPUT, "SWEEP_ISA=%s: %s; use portable, avx2 or avx512, or unset it", forced,
                     known ? "this processor does not have it" : "no such instruction set");
}

const struct kernels *kernels_chosen(struct error *error) {
    if (!chosen && kernels_choose(error) != 0)
        return NULL;
    return chosen;
}

const char *kernels_isa(void) {
    const struct kernels *table = kernels_chosen(NULL);
    return table ? table->isa : "none";
}

/* The arrays of struct head (attention.h); panels are at most 32 columns wide. */
size_t workspace_own_size(uint32_t sequence, uint32_t head_size) {
    const size_t T = sequence, h = head_size, T_panels = (T + 31) / 32 * 32, h_panels = (h + 31) / 32 * 32;
    const size_t T_blocks = (T + BLOCK_DEPTH - 1) / BLOCK_DEPTH * BLOCK_DEPTH;
    const size_t rows = ATTENTION_ROWS;
    return 2 * T_blocks * rows + 2 * T_panels * h + T_blocks * h_panels + 2 * rows * BLOCK_DEPTH + 2 * rows * h_panels;
}
