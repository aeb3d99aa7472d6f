/* What is built on vectors of 16 floats in the same way for every instruction set; included behind vector_avx2.h or
 * vector_avx512.h. */
#ifndef SWEEP_MODEL_VECTOR_H
#define SWEEP_MODEL_VECTOR_H

#include <stddef.h>

enum { LANES = 16 };

/* The lanes from i on of an array of size elements, i < size; zeros, and nothing stored, behind its end. */
static inline vector vector_load_at(const float *x, size_t i, size_t size) {
    return i + LANES <= size ? vector_load(x + i) : vector_load_first(x + i, size - i);
}
static inline void vector_store_at(float *x, size_t i, size_t size, vector value) {
    if (i + LANES <= size)
        vector_store(x + i, value);
    else
        vector_store_first(x + i, value, size - i);
}

/* Lane l + lane l + 8, then 4, 2, 1 apart. */
static inline float vector_sum(vector x) {
    const __m256 eight = vector_fold(x);
    __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    four = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(four, _mm_movehdup_ps(four)));
}

static inline float vector_dot(const float *x, const float *y, size_t size) {
    vector sum = vector_zero();
    for (size_t i = 0; i < size; i += LANES)
        sum = vector_multiply_add(vector_load_at(x, i, size), vector_load_at(y, i, size), sum);
    return vector_sum(sum);
}

/* The largest lane. */
static inline float vector_most(vector x) {
    float lane[LANES];
    vector_store(lane, x);
    const __m256 eight = _mm256_max_ps(_mm256_loadu_ps(lane), _mm256_loadu_ps(lane + 8));
    __m128 four = _mm_max_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    four = _mm_max_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_max_ss(four, _mm_movehdup_ps(four)));
}

/* The largest of x [size]. */
static inline float vector_largest(const float *x, size_t size) {
    vector most = vector_all(x[0]);
    for (size_t i = 0; i < size; i += LANES)
        most = vector_maximum(most,
                              vector_first_or(vector_load_at(x, i, size), size - i < LANES ? size - i : LANES, most));
    return vector_most(most);
}

/* kernel_exp of kernels_reference.c, which explains it. */
static inline vector vector_exp(vector x) {
    x = vector_minimum(vector_maximum(x, vector_all(-87.0F)), vector_all(88.0F));
    const vector n = vector_round(vector_multiply(x, vector_all(0x1.715476p+0F)));
    vector r = vector_multiply_add(n, vector_all(-0x1.63p-1F), x);
    r = vector_multiply_add(n, vector_all(0x1.bd0106p-13F), r);
    vector p = vector_all(1.9875691500e-4F);
    p = vector_multiply_add(p, r, vector_all(1.3981999507e-3F));
    p = vector_multiply_add(p, r, vector_all(8.3334519073e-3F));
    p = vector_multiply_add(p, r, vector_all(4.1665795894e-2F));
    p = vector_multiply_add(p, r, vector_all(1.6666665459e-1F));
    p = vector_multiply_add(p, r, vector_all(5.0000001201e-1F));
    p = vector_add(vector_multiply_add(p, vector_multiply(r, r), r), vector_all(1.0F));
    return vector_multiply(p, vector_power_of_two(n));
}

#endif
