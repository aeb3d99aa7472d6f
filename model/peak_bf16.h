/* The peak of a processor in bf16: dot products of AVX-512 alone, in as many independent chains as a tile has sums. */
#ifndef SWEEP_MODEL_PEAK_BF16_H
#define SWEEP_MODEL_PEAK_BF16_H

static double multiply_adds(uint64_t rounds, float *result) {
    enum { CHAINS = 28 };
    const __m512bh factor = (__m512bh)_mm512_set1_epi32(0x3f003f00), term = (__m512bh)_mm512_set1_epi32(0x3f803f80);
    vector chain[CHAINS];
#pragma GCC unroll 32
    for (int i = 0; i < CHAINS; i++)
        chain[i] = vector_all((float)i);
    for (uint64_t round = 0; round < rounds; round++)
#pragma GCC unroll 32
        for (int i = 0; i < CHAINS; i++)
            chain[i] = _mm512_dpbf16_ps(chain[i], factor, term);
    vector sum = vector_zero();
#pragma GCC unroll 32
    for (int i = 0; i < CHAINS; i++)
        sum = vector_add(sum, chain[i]);
    *result = vector_sum(sum);
    return 4.0 * CHAINS * LANES * (double)rounds;
}

#endif
