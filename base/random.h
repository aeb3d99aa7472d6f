/* Counter-based random numbers: every value is a pure function of a key and a counter, so nothing has a state to save
 * and no result depends on the order in which threads, ranks or runs ask.
 *
 * Philox4x32-10, Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011. */
#ifndef SWEEP_BASE_RANDOM_H
#define SWEEP_BASE_RANDOM_H

#include <stdint.h>

struct random_block {
    uint32_t word[4];
};

/* The 128 random bits that belong to (key, high, low). */
struct random_block random_philox(uint64_t key, uint64_t high, uint64_t low);

/* 64 random bits of (key, high, low). Also the way to derive a key for a sub-stream from a key. */
uint64_t random_u64(uint64_t key, uint64_t high, uint64_t low);

/* Uniform in [0, 1), 53 bits. */
double random_uniform(uint64_t key, uint64_t high, uint64_t low);

/* Uniform integer in [0, bound); bound > 0. */
uint64_t random_below(uint64_t bound, uint64_t key, uint64_t high, uint64_t low);

/* Standard normal (Box-Muller over two words of one block). */
double random_normal(uint64_t key, uint64_t high, uint64_t low);

/* Where index goes under the pseudo-random permutation of [0, count) that belongs to key: O(1) memory, so any place of
 * any epoch is found without making the ones before it. A Feistel network walked until it falls inside the range.
 * 0 <= index < count. */
uint64_t random_permute(uint64_t index, uint64_t count, uint64_t key);

#endif
