// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/gemm/cpu/avx2.hpp>
#include <nibble/nn/cpu/layer_kernels.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

#if NIBBLE_X86_KERNELS
#include <immintrin.h>

#include <nibble/gemm/cpu/target_avx2.inl>

/// The verbs of scalar.hpp, two registers a vector of floats and four one of doubles.
namespace nibble::avx2_set {

inline constexpr int dot_heads = 1;
inline constexpr int value_vectors = 1;

struct doubles {
    __m256d a, b, c, d;
};

/// All bits set in the first `count` of 8 lanes.
inline __m256i first_lanes(std::size_t count) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(count)), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
inline floats load_first(float const* from, std::size_t count) {
    if (count <= 8) {
        return {_mm256_maskload_ps(from, first_lanes(count)), _mm256_setzero_ps()};
    }
    return {_mm256_loadu_ps(from), _mm256_maskload_ps(from + 8, first_lanes(count - 8))};
}
inline void store_first(float* to, floats x, std::size_t count) {
    if (count <= 8) {
        _mm256_maskstore_ps(to, first_lanes(count), x.a);
    } else {
        _mm256_storeu_ps(to, x.a);
        _mm256_maskstore_ps(to + 8, first_lanes(count - 8), x.b);
    }
}
inline floats negative(floats x) {
    __m256 const sign = _mm256_set1_ps(-0.0f);
    return {_mm256_xor_ps(x.a, sign), _mm256_xor_ps(x.b, sign)};
}
inline floats maximum(floats x, floats y) { return {_mm256_max_ps(x.a, y.a), _mm256_max_ps(x.b, y.b)}; }
inline floats where_less(floats x, floats y, floats yes, floats no) {
    return {_mm256_blendv_ps(no.a, yes.a, _mm256_cmp_ps(x.a, y.a, _CMP_LT_OQ)),
            _mm256_blendv_ps(no.b, yes.b, _mm256_cmp_ps(x.b, y.b, _CMP_LT_OQ))};
}
inline __m256 add_to_exponent(__m256 x, __m256 integer) {
    __m256i const n = _mm256_slli_epi32(_mm256_castps_si256(integer), 23);
    return _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(x), n));
}
inline floats add_to_exponent(floats x, floats integer) {
    return {add_to_exponent(x.a, integer.a), add_to_exponent(x.b, integer.b)};
}
inline doubles zero_doubles() {
    return {_mm256_setzero_pd(), _mm256_setzero_pd(), _mm256_setzero_pd(), _mm256_setzero_pd()};
}
inline doubles load(double const* from) {
    return {_mm256_loadu_pd(from), _mm256_loadu_pd(from + 4), _mm256_loadu_pd(from + 8), _mm256_loadu_pd(from + 12)};
}
inline void store(double* to, doubles x) {
    _mm256_storeu_pd(to, x.a);
    _mm256_storeu_pd(to + 4, x.b);
    _mm256_storeu_pd(to + 8, x.c);
    _mm256_storeu_pd(to + 12, x.d);
}
inline __m256d low_doubles(__m256 x) { return _mm256_cvtps_pd(_mm256_castps256_ps128(x)); }
inline __m256d high_doubles(__m256 x) { return _mm256_cvtps_pd(_mm256_extractf128_ps(x, 1)); }
inline doubles plus(doubles sum, floats x) {
    return {_mm256_add_pd(sum.a, low_doubles(x.a)), _mm256_add_pd(sum.b, high_doubles(x.a)),
            _mm256_add_pd(sum.c, low_doubles(x.b)), _mm256_add_pd(sum.d, high_doubles(x.b))};
}
inline doubles plus_product(doubles sum, floats x, floats y) {
    return {_mm256_fmadd_pd(low_doubles(x.a), low_doubles(y.a), sum.a),
            _mm256_fmadd_pd(high_doubles(x.a), high_doubles(y.a), sum.b),
            _mm256_fmadd_pd(low_doubles(x.b), low_doubles(y.b), sum.c),
            _mm256_fmadd_pd(high_doubles(x.b), high_doubles(y.b), sum.d)};
}
inline double sum(doubles x) {
    __m256d const four = _mm256_add_pd(_mm256_add_pd(x.a, x.c), _mm256_add_pd(x.b, x.d));
    __m128d const two = _mm_add_pd(_mm256_castpd256_pd128(four), _mm256_extractf128_pd(four, 1));
    return _mm_cvtsd_f64(_mm_add_sd(two, _mm_unpackhi_pd(two, two)));
}
/// Lane i + lane i + 8, then lane i + lane i + 4.
inline __m128 sum_to_four(floats x) {
    __m256 const eight = _mm256_add_ps(x.a, x.b);
    return _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
}
inline float sum(floats x) {
    __m128 const four = sum_to_four(x);
    __m128 const two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}
/// Lanes (0, 1) + (2, 3) of a, then the same of b.
inline __m128 sum_to_two(__m128 a, __m128 b) { return _mm_add_ps(_mm_movelh_ps(a, b), _mm_movehl_ps(b, a)); }
inline void store_sums(float* to, floats const (&x)[4]) {
    __m128 const a = sum_to_two(sum_to_four(x[0]), sum_to_four(x[1]));
    __m128 const b = sum_to_two(sum_to_four(x[2]), sum_to_four(x[3]));
    _mm_storeu_ps(to, _mm_add_ps(_mm_shuffle_ps(a, b, 0x88), _mm_shuffle_ps(a, b, 0xdd)));
}

#include <nibble/nn/cpu/kernels.inl>

}  // namespace nibble::avx2_set

#include <nibble/gemm/cpu/target_end.inl>
#endif
