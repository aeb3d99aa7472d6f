/* The peak of a processor: fused multiply-adds alone, in as many independent chains as a tile of a product has sums.
 * Included behind operand_fp32.h. */
#ifndef SWEEP_MODEL_PEAK_H
#define SWEEP_MODEL_PEAK_H

static double multiply_adds(uint64_t rounds, float *result) {
    enum { CHAINS = TILE_ROWS * TILE_VECTORS };
    const vector factor = vector_all(0.5F), term = vector_all(1.0F);
    vector chain[CHAINS];
#pragma GCC unroll 32
    for (int i = 0; i < CHAINS; i++)
        chain[i] = vector_all((float)i);
    for (uint64_t round = 0; round < rounds; round++)
#pragma GCC unroll 32
        for (int i = 0; i < CHAINS; i++)
            chain[i] = vector_multiply_add(chain[i], factor, term);
    vector sum = vector_zero();
#pragma GCC unroll 32
    for (int i = 0; i < CHAINS; i++)
        sum = vector_add(sum, chain[i]);
    *result = vector_sum(sum);
    return 2.0 * CHAINS * LANES * (double)rounds;
}

#endif
