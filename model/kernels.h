/* The table of kernels: the reference in plain C, and the variants for newer processors with the same signatures,
 * chosen once at start from what the processor has. The environment variable SWEEP_ISA (portable, avx2, avx512) forces
 * one. The helper of this room extends this header with the kernels themselves. */
#ifndef SWEEP_MODEL_KERNELS_H
#define SWEEP_MODEL_KERNELS_H

#include "base/error.h"

/* Chooses the kernels. Fails when SWEEP_ISA names a set that is unknown or that the processor does not have. Called
 * once before any model is made; without the call model_create chooses as well. */
int kernels_choose(struct error *error);

/* Name of the chosen instruction set: "portable", "avx2", "avx512". */
const char *kernels_isa(void);

#endif
