/* The kernels of bf16 for processors with AMX; the Makefile compiles this file alone for them. */
#if defined(__AMX_BF16__) && defined(__AVX512BF16__)

#include "model/vector_avx512.h"

#include "model/vector.h"

#include "model/operand_amx.h"

#include "model/table.h"

const struct kernels kernels_amx = {.isa = "amx", .bf16_alone = true, VECTOR_KERNELS};

#endif
