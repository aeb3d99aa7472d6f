/* The choice of a kernel table: newest instruction set first, the portable one last. */
#include "model/kernels.h"

#include <stdlib.h>
#include <string.h>

static const struct kernels *chosen;

static const struct kernels *const tables[] = {
    &kernels_reference,
};

static bool processor_has(const struct kernels *table) {
    return table == &kernels_reference;
}

int kernels_choose(struct error *error) {
    const char *forced = getenv("SWEEP_ISA");
    if (forced && !*forced)
        forced = NULL;
    chosen = NULL;
    bool known = false;
    for (size_t i = 0; !chosen && i < sizeof tables / sizeof *tables; i++) {
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

size_t workspace_own_size(uint32_t sequence, uint32_t head_size) {
    (void)sequence, (void)head_size;
    return 0;
}
