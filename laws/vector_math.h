/* exp and log that the compiler can turn into vector code inside of a plain loop: no branch, no table, no call. Made
 * from additions, multiplications and divisions only, so the bits are the same for every width of vectors. Good to
 * about one unit in the last place.
 *
 * VECTOR_CLONES before a function compiles it for several widths; the widest that the processor has is taken. */
#ifndef SWEEP_LAWS_VECTOR_MATH_H
#define SWEEP_LAWS_VECTOR_MATH_H

#include <stdint.h>
#include <string.h>

#if defined __x86_64__ && !defined __clang__ && !defined __SANITIZE_ADDRESS__
#define VECTOR_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define VECTOR_CLONES
#endif

static inline uint64_t vector_bits(double x) {
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static inline double vector_double(uint64_t bits) {
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* e^x; x beyond +-700 counts as +-700. */
static inline double vector_exp(double x) {
    x = x < -700 ? -700 : x;
    x = x > 700 ? 700 : x;
    const double shift = 0x1.8p52; /* brings the nearest whole number into the low bits */
    const double shifted = x * 0x1.71547652b82fep0 + shift, n = shifted - shift;
    const double r = (x - n * 0x1.62e42fee00000p-1) - n * 0x1.a39ef35793c76p-33; /* |r| <= ln(2) / 2 */
    double sum = 1. / 6227020800;                                                /* Taylor, in Horner's form */
    sum = sum * r + 1. / 479001600;
    sum = sum * r + 1. / 39916800;
    sum = sum * r + 1. / 3628800;
    sum = sum * r + 1. / 362880;
    sum = sum * r + 1. / 40320;
    sum = sum * r + 1. / 5040;
    sum = sum * r + 1. / 720;
    sum = sum * r + 1. / 120;
    sum = sum * r + 1. / 24;
    sum = sum * r + 1. / 6;
    sum = sum * r + 1. / 2;
    sum = sum * r + 1;
    sum = sum * r + 1;
    return vector_double(vector_bits(sum) + (vector_bits(shifted) << 52)); /* times 2^n */
}

/* Natural logarithm of a normal x > 0. */
static inline double vector_log(double x) {
    const uint64_t half_root = 0x3FE6A09E667F3BCDu; /* sqrt(1/2); x = m 2^n with sqrt(1/2) <= m < sqrt(2) */
    const uint64_t above = vector_bits(x) - half_root;
    const double m = vector_double(vector_bits(x) - (above & 0xFFF0000000000000u));
    /* n + 1024 as the low bits of 2^52, for there is no vector instruction from 64 bit integers everywhere */
    const uint64_t biased = (above + 0x4000000000000000u) >> 52;
    const double n = vector_double(biased | 0x4330000000000000u) - (0x1p52 + 1024);
    const double s = (m - 1) / (m + 1), square = s * s; /* ln m = 2 artanh s */
    double sum = 1. / 23;
    sum = sum * square + 1. / 21;
    sum = sum * square + 1. / 19;
    sum = sum * square + 1. / 17;
    sum = sum * square + 1. / 15;
    sum = sum * square + 1. / 13;
    sum = sum * square + 1. / 11;
    sum = sum * square + 1. / 9;
    sum = sum * square + 1. / 7;
    sum = sum * square + 1. / 5;
    sum = sum * square + 1. / 3;
    sum = sum * square;
    return n * 0x1.62e42fee00000p-1 + (2 * (s + s * sum) + n * 0x1.a39ef35793c76p-33);
}

#endif
