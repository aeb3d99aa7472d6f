/* The kernels for processors with AVX-512 F, BW, DQ, VL; the Makefile compiles this file alone for them. */
#if defined(__AVX512F__)

#include "model/vector_avx512.h"

#include "model/vector.h"

#include "model/product.h"

#include "model/attention.h"
#include "model/peak.h"
#include "model/rows.h"

const struct kernels kernels_avx512 = {
    .isa = "avx512",
    .product = product,
    .norm = norm,
    .norm_backward = norm_backward,
    .rotate = rotate,
    .attention = attention,
    .attention_backward = attention_backward,
    .gate = gate_forward,
    .gate_backward = gate_backward,
    .drop = drop,
    .gather = gather,
    .scatter = scatter,
    .cross_entropy = cross_entropy,
    .square_sum = square_sum,
    .adamw = adamw,
    .multiply_adds = multiply_adds,
};

#endif
