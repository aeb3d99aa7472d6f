/* Vectors of 16 floats in AVX-512: one register. vector_avx2.h has the same functions. */
#ifndef SWEEP_MODEL_VECTOR_AVX512_H
#define SWEEP_MODEL_VECTOR_AVX512_H

#include <immintrin.h>
#include <stddef.h>

/* A tile of a product fills 28 of the 32 registers with sums. Its steps are filled up to whole vectors. */
enum { TILE_ROWS = 14, TILE_VECTORS = 2, TILE_STEP = 16 };

typedef __m512 vector;

static inline vector vector_zero(void) {
    return _mm512_setzero_ps();
}
static inline vector vector_all(float x) {
    return _mm512_set1_ps(x);
}
static inline vector vector_load(const float *from) {
    return _mm512_loadu_ps(from);
}
static inline void vector_store(float *to, vector x) {
    _mm512_storeu_ps(to, x);
}
/* Past the caches, for what is read much later; to: a multiple of 64 bytes. Other threads see it behind
 * vector_stream_end. */
static inline void vector_stream(float *to, vector x) {
    _mm512_stream_ps(to, x);
}
static inline void vector_stream_end(void) {
    _mm_sfence();
}
/* The first count lanes, 0 <= count <= 16; zeros behind them. */
static inline vector vector_load_first(const float *from, size_t count) {
    return _mm512_maskz_loadu_ps((__mmask16)((1U << count) - 1), from);
}
static inline void vector_store_first(float *to, vector x, size_t count) {
    _mm512_mask_storeu_ps(to, (__mmask16)((1U << count) - 1), x);
}
static inline vector vector_keep_first(vector x, size_t count) {
    return _mm512_maskz_mov_ps((__mmask16)((1U << count) - 1), x);
}
/* The first count lanes of x, of other behind them. */
static inline vector vector_first_or(vector x, size_t count, vector other) {
    return _mm512_mask_mov_ps(other, (__mmask16)((1U << count) - 1), x);
}
static inline vector vector_add(vector x, vector y) {
    return _mm512_add_ps(x, y);
}
static inline vector vector_subtract(vector x, vector y) {
    return _mm512_sub_ps(x, y);
}
static inline vector vector_multiply(vector x, vector y) {
    return _mm512_mul_ps(x, y);
}
static inline vector vector_divide(vector x, vector y) {
    return _mm512_div_ps(x, y);
}
/* x y + z, x y - z, z - x y, each rounded once */
static inline vector vector_multiply_add(vector x, vector y, vector z) {
    return _mm512_fmadd_ps(x, y, z);
}
static inline vector vector_multiply_subtract(vector x, vector y, vector z) {
    return _mm512_fmsub_ps(x, y, z);
}
static inline vector vector_subtract_product(vector x, vector y, vector z) {
    return _mm512_fnmadd_ps(x, y, z);
}
static inline vector vector_maximum(vector x, vector y) {
    return _mm512_max_ps(x, y);
}
static inline vector vector_minimum(vector x, vector y) {
    return _mm512_min_ps(x, y);
}
static inline vector vector_square_root(vector x) {
    return _mm512_sqrt_ps(x);
}
/* To the nearest integer, halves to even. */
static inline vector vector_round(vector x) {
    return _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
/* 2^x of integers -126 <= x <= 127 */
static inline vector vector_power_of_two(vector x) {
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_add_epi32(_mm512_cvtps_epi32(x), _mm512_set1_epi32(127)), 23));
}
/* To bf16, to nearest, ties to even. */
static inline vector vector_round_bf16(vector x) {
    const __m512i bits = _mm512_castps_si512(x), one = _mm512_set1_epi32(1);
    const __m512i odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), one);
    const __m512i up = _mm512_add_epi32(_mm512_add_epi32(bits, _mm512_set1_epi32(0x7fff)), odd);
    const __m512i cut = _mm512_and_si512(up, _mm512_set1_epi32((int)0xffff0000));
    return _mm512_mask_mov_ps(_mm512_castsi512_ps(cut), _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q), x);
}
/* Lanes 0 to 7 plus lanes 8 to 15. */
static inline __m256 vector_fold(vector x) {
    return _mm256_add_ps(_mm512_castps512_ps256(x), _mm512_extractf32x8_ps(x, 1));
}

#endif
