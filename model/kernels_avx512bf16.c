/* The kernels of bf16 for processors with its dot products in AVX-512; the Makefile compiles this file alone for them.
 */
#if defined(__AVX512BF16__)

#include "model/vector_avx512.h"

#include "model/vector.h"

#include "model/operand_dot.h"

#include "model/table.h"

const struct kernels kernels_avx512bf16 = {.isa = "avx512bf16", .bf16_alone = true, VECTOR_KERNELS};

#endif
