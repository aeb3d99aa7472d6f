/* The kernels of a table, as the headers before define them: included by kernels_avx2.c and its like, behind vector.h
 * and the header of the operands. */
#ifndef SWEEP_MODEL_TABLE_H
#define SWEEP_MODEL_TABLE_H

#include "model/attention.h"
#include "model/loss.h"
#include "model/peak.h"
#include "model/product.h"
#include "model/rows.h"

/* clang-format off */
#define VECTOR_KERNELS                                                                                                 \
    .product = product,                                                                                                \
    .norm = norm,                                                                                                      \
    .norm_backward = norm_backward,                                                                                    \
    .rotate = rotate,                                                                                                  \
    .attention = attention,                                                                                            \
    .attention_backward = attention_backward,                                                                          \
    .gate = gate_forward,                                                                                              \
    .gate_backward = gate_backward,                                                                                    \
    .drop = drop,                                                                                                      \
    .gather = gather,                                                                                                  \
    .scatter = scatter,                                                                                                \
    .loss = loss_gradient,                                                                                             \
    .square_sum = square_sum,                                                                                          \
    .adamw = adamw,                                                                                                    \
    .multiply_adds = multiply_adds,                                                                                    \
    .cached_products = cached_products
/* clang-format on */

#endif
