/* The peak of a processor: the multiply-adds of its operands alone (operand.h), in as many independent chains as fill
 * the registers. */
#ifndef SWEEP_MODEL_PEAK_H
#define SWEEP_MODEL_PEAK_H

static double multiply_adds(uint64_t rounds, float *result) {
    vector chain[PEAK_CHAINS];
#pragma GCC unroll 32
    for (int i = 0; i < PEAK_CHAINS; i++)
        chain[i] = vector_all((float)i);
    for (uint64_t round = 0; round < rounds; round++)
#pragma GCC unroll 32
        for (int i = 0; i < PEAK_CHAINS; i++)
            chain[i] = peak_step(chain[i]);
    vector sum = vector_zero();
#pragma GCC unroll 32
    for (int i = 0; i < PEAK_CHAINS; i++)
        sum = vector_add(sum, chain[i]);
    *result = vector_sum(sum);
    return (double)PEAK_FLOPS * PEAK_CHAINS * (double)rounds;
}

#endif
