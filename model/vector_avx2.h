/* Vectors of 16 floats in AVX2 with FMA: two registers. vector_avx512.h has the same functions. */
#ifndef SWEEP_MODEL_VECTOR_AVX2_H
#define SWEEP_MODEL_VECTOR_AVX2_H

#include <immintrin.h>
#include <stddef.h>

/* A tile of a product fills 12 of the 16 registers with sums. */
enum { TILE_ROWS = 6, TILE_VECTORS = 1, TILE_STEP = 6 };

typedef struct {
    __m256 low, high;
} vector;

static inline vector vector_zero(void) {
    return (vector){_mm256_setzero_ps(), _mm256_setzero_ps()};
}
static inline vector vector_all(float x) {
    return (vector){_mm256_set1_ps(x), _mm256_set1_ps(x)};
}
static inline vector vector_load(const float *from) {
    return (vector){_mm256_loadu_ps(from), _mm256_loadu_ps(from + 8)};
}
static inline void vector_store(float *to, vector x) {
    _mm256_storeu_ps(to, x.low);
    _mm256_storeu_ps(to + 8, x.high);
}
static inline void vector_stream(float *to, vector x) {
    _mm256_stream_ps(to, x.low);
    _mm256_stream_ps(to + 8, x.high);
}
static inline void vector_stream_end(void) {
    _mm_sfence();
}
/* All bits of lane i are set where first + i < count. */
static inline __m256i vector_mask(int first, size_t count) {
    const __m256i lane = _mm256_add_epi32(_mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7), _mm256_set1_epi32(first));
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)count), lane);
}
/* The first count lanes, 0 <= count <= 16; zeros behind them. */
static inline vector vector_load_first(const float *from, size_t count) {
    return (vector){_mm256_maskload_ps(from, vector_mask(0, count)),
                    _mm256_maskload_ps(from + 8, vector_mask(8, count))};
}
static inline void vector_store_first(float *to, vector x, size_t count) {
    _mm256_maskstore_ps(to, vector_mask(0, count), x.low);
    _mm256_maskstore_ps(to + 8, vector_mask(8, count), x.high);
}
static inline vector vector_keep_first(vector x, size_t count) {
    return (vector){_mm256_and_ps(x.low, _mm256_castsi256_ps(vector_mask(0, count))),
                    _mm256_and_ps(x.high, _mm256_castsi256_ps(vector_mask(8, count)))};
}
/* The first count lanes of x, of other behind them. */
static inline vector vector_first_or(vector x, size_t count, vector other) {
    return (vector){_mm256_blendv_ps(other.low, x.low, _mm256_castsi256_ps(vector_mask(0, count))),
                    _mm256_blendv_ps(other.high, x.high, _mm256_castsi256_ps(vector_mask(8, count)))};
}
static inline vector vector_add(vector x, vector y) {
    return (vector){_mm256_add_ps(x.low, y.low), _mm256_add_ps(x.high, y.high)};
}
static inline vector vector_subtract(vector x, vector y) {
    return (vector){_mm256_sub_ps(x.low, y.low), _mm256_sub_ps(x.high, y.high)};
}
static inline vector vector_multiply(vector x, vector y) {
    return (vector){_mm256_mul_ps(x.low, y.low), _mm256_mul_ps(x.high, y.high)};
}
static inline vector vector_divide(vector x, vector y) {
    return (vector){_mm256_div_ps(x.low, y.low), _mm256_div_ps(x.high, y.high)};
}
/* x y + z, x y - z, z - x y, each rounded once */
static inline vector vector_multiply_add(vector x, vector y, vector z) {
    return (vector){_mm256_fmadd_ps(x.low, y.low, z.low), _mm256_fmadd_ps(x.high, y.high, z.high)};
}
static inline vector vector_multiply_subtract(vector x, vector y, vector z) {
    return (vector){_mm256_fmsub_ps(x.low, y.low, z.low), _mm256_fmsub_ps(x.high, y.high, z.high)};
}
static inline vector vector_subtract_product(vector x, vector y, vector z) {
    return (vector){_mm256_fnmadd_ps(x.low, y.low, z.low), _mm256_fnmadd_ps(x.high, y.high, z.high)};
}
static inline vector vector_maximum(vector x, vector y) {
    return (vector){_mm256_max_ps(x.low, y.low), _mm256_max_ps(x.high, y.high)};
}
static inline vector vector_minimum(vector x, vector y) {
    return (vector){_mm256_min_ps(x.low, y.low), _mm256_min_ps(x.high, y.high)};
}
static inline vector vector_square_root(vector x) {
    return (vector){_mm256_sqrt_ps(x.low), _mm256_sqrt_ps(x.high)};
}
/* To the nearest integer, halves to even. */
static inline vector vector_round(vector x) {
    return (vector){_mm256_round_ps(x.low, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC),
                    _mm256_round_ps(x.high, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)};
}
static inline __m256 half_power_of_two(__m256 x) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(x), _mm256_set1_epi32(127)), 23));
}
/* 2^x of integers -126 <= x <= 127 */
static inline vector vector_power_of_two(vector x) {
    return (vector){half_power_of_two(x.low), half_power_of_two(x.high)};
}
static inline __m256 half_round_bf16(__m256 x) {
    const __m256i bits = _mm256_castps_si256(x);
    const __m256i odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
    const __m256i up = _mm256_add_epi32(_mm256_add_epi32(bits, _mm256_set1_epi32(0x7fff)), odd);
    const __m256i cut = _mm256_and_si256(up, _mm256_set1_epi32((int)0xffff0000));
    return _mm256_blendv_ps(_mm256_castsi256_ps(cut), x, _mm256_cmp_ps(x, x, _CMP_UNORD_Q));
}
/* To bf16, to nearest, ties to even. */
static inline vector vector_round_bf16(vector x) {
    return (vector){half_round_bf16(x.low), half_round_bf16(x.high)};
}
/* Lanes 0 to 7 plus lanes 8 to 15. */
static inline __m256 vector_fold(vector x) {
    return _mm256_add_ps(x.low, x.high);
}

#endif
