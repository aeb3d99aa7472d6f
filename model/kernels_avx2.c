/* The kernels for processors with AVX2 and FMA; the Makefile compiles this file alone for them. */
#if defined(__AVX2__) && defined(__FMA__)

#include "model/vector_avx2.h"

#include "model/vector.h"

#include "model/operand_fp32.h"

#include "model/table.h"

const struct kernels kernels_avx2 = {.isa = "avx2", VECTOR_KERNELS};

#endif
