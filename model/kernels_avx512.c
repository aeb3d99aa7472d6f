/* The kernels for processors with AVX-512 F, BW, DQ, VL; the Makefile compiles this file alone for them. */
#if defined(__AVX512F__)

#include "model/vector_avx512.h"

#include "model/vector.h"

#include "model/operand_fp32.h"

#include "model/table.h"

const struct kernels kernels_avx512 = {.isa = "avx512", VECTOR_KERNELS};

#endif
