/* The peak of a processor: the multiply-adds of its operands alone (operand.h), in as many independent chains as fill
 * the registers; and what is left of it for a tile whose operands come from the nearest cache. */
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

static double cached_products(uint64_t rounds, float *result) {
    enum { SIDE = 32 }; /* at least the rows of a tile and the columns of a panel */
    float numbers[SIDE * BLOCK_DEPTH] __attribute__((aligned(64))), c[LEFT_ROWS * RIGHT_COLUMNS] = {0};
    operand left[LEFT_SIZE] __attribute__((aligned(64))), right[RIGHT_SIZE] __attribute__((aligned(64)));
    for (size_t i = 0; i < SIDE * BLOCK_DEPTH; i++)
        numbers[i] = (float)(i * 37 % 101) / 50 - 1;
    left_pack(left, numbers, BLOCK_DEPTH, false, LEFT_ROWS, BLOCK_DEPTH, false, false);
    right_pack(right, numbers, BLOCK_DEPTH, true, BLOCK_DEPTH, RIGHT_COLUMNS, false);
    operands_begin();
    for (uint64_t round = 0; round < rounds; round++)
        operands_multiply(c, RIGHT_COLUMNS, LEFT_ROWS, RIGHT_COLUMNS, left, TILE_OF_ROWS, right, BLOCK_DEPTH, true, c);
    operands_end();
    *result = c[0];
    return 2.0 * LEFT_ROWS * RIGHT_COLUMNS * BLOCK_DEPTH * (double)rounds;
}

#endif
