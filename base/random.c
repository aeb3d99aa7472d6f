#include "base/random.h"

#include "base/elementary.h"

#include <math.h>

struct random_block random_philox(uint64_t key, uint64_t high, uint64_t low) {
    uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
    uint32_t c0 = (uint32_t)low, c1 = (uint32_t)(low >> 32), c2 = (uint32_t)high, c3 = (uint32_t)(high >> 32);
    for (int round = 0; round < 10; round++) {
        const uint64_t p0 = (uint64_t)0xD2511F53 * c0, p1 = (uint64_t)0xCD9E8D57 * c2;
        c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
        c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c1 = (uint32_t)p1;
        c3 = (uint32_t)p0;
        k0 += 0x9E3779B9;
        k1 += 0xBB67AE85;
    }
    return (struct random_block){{c0, c1, c2, c3}};
}

uint64_t random_u64(uint64_t key, uint64_t high, uint64_t low) {
    const struct random_block block = random_philox(key, high, low);
    return (uint64_t)block.word[1] << 32 | block.word[0];
}

static double unit_interval(uint64_t bits) {
    return (double)(bits >> 11) * 0x1p-53;
}

double random_uniform(uint64_t key, uint64_t high, uint64_t low) {
    return unit_interval(random_u64(key, high, low));
}

uint64_t random_below(uint64_t bound, uint64_t key, uint64_t high, uint64_t low) {
    return (uint64_t)((unsigned __int128)random_u64(key, high, low) * bound >> 64);
}

double random_normal(uint64_t key, uint64_t high, uint64_t low) {
    const struct random_block block = random_philox(key, high, low);
    const double radius = unit_interval((uint64_t)block.word[1] << 32 | block.word[0]);
    const double angle = unit_interval((uint64_t)block.word[3] << 32 | block.word[2]);
    double sine, cosine;
    elementary_sine_cosine(2.0 * 3.14159265358979323846 * angle, &sine, &cosine);
    return sqrt(-2.0 * elementary_log(1.0 - radius)) * cosine; /* 1 - radius is exact, and > 0 */
}

uint64_t random_permute(uint64_t index, uint64_t count, uint64_t key) {
    unsigned half = 1; /* bits of each Feistel half: 2^(2*half) >= count */
    while (half < 32 && (count - 1) >> (2 * half) != 0)
        half++;
    const uint64_t mask = ((uint64_t)1 << half) - 1;
    do { /* at most 4 walks on average, since 2^(2*half) < 4 * count */
        uint64_t left = index >> half, right = index & mask;
        for (uint64_t round = 0; round < 6; round++) {
            const uint64_t next = left ^ (random_u64(key, round, right) & mask);
            left = right;
            right = next;
        }
        index = left << half | right;
    } while (index >= count);
    return index;
}
