// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/gemm/cpu/avx512.hpp>
#include <nibble/nn/cpu/layer_kernels.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

#if NIBBLE_X86_KERNELS
#include <immintrin.h>

#include <nibble/gemm/cpu/target_avx512.inl>

/// The verbs of scalar.hpp, a register a vector of floats and two one of doubles.
namespace nibble::avx512_set {

inline constexpr int dot_heads = 4;
inline constexpr int value_vectors = 4;

struct doubles {
    __m512d a, b;
};

inline __mmask16 first_lanes(std::size_t count) { return static_cast<__mmask16>((1u << count) - 1u); }
inline floats load_first(float const* from, std::size_t count) {
    return _mm512_maskz_loadu_ps(first_lanes(count), from);
}
inline void store_first(float* to, floats x, std::size_t count) { _mm512_mask_storeu_ps(to, first_lanes(count), x); }
inline floats negative(floats x) { return _mm512_xor_ps(x, _mm512_set1_ps(-0.0f)); }
inline floats maximum(floats x, floats y) { return _mm512_maskz_max_ps(all, x, y); }
inline floats where_less(floats x, floats y, floats yes, floats no) {
    return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(x, y, _CMP_LT_OQ), no, yes);
}
inline floats add_to_exponent(floats x, floats integer) {
    __m512i const n = _mm512_maskz_slli_epi32(all, _mm512_castps_si512(integer), 23);
    return _mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(x), n));
}
inline doubles zero_doubles() { return {_mm512_setzero_pd(), _mm512_setzero_pd()}; }
inline doubles load(double const* from) { return {_mm512_loadu_pd(from), _mm512_loadu_pd(from + 8)}; }
inline void store(double* to, doubles x) {
    _mm512_storeu_pd(to, x.a);
    _mm512_storeu_pd(to + 8, x.b);
}
// Extracting half 0 is the cast, about which GCC 12 warns too.
template <int I>
inline __m256 half(floats x) {
    return _mm512_maskz_extractf32x8_ps(0xff, x, I);
}
template <int I>
inline __m256d half(__m512d x) {
    return _mm512_maskz_extractf64x4_pd(0xff, x, I);
}
inline __m512d low_doubles(floats x) { return _mm512_maskz_cvtps_pd(0xff, half<0>(x)); }
inline __m512d high_doubles(floats x) { return _mm512_maskz_cvtps_pd(0xff, half<1>(x)); }
inline doubles plus(doubles sum, floats x) {
    return {_mm512_add_pd(sum.a, low_doubles(x)), _mm512_add_pd(sum.b, high_doubles(x))};
}
inline doubles plus_product(doubles sum, floats x, floats y) {
    return {_mm512_fmadd_pd(low_doubles(x), low_doubles(y), sum.a),
            _mm512_fmadd_pd(high_doubles(x), high_doubles(y), sum.b)};
}
inline double sum(doubles x) {
    __m512d const eight = _mm512_add_pd(x.a, x.b);
    __m256d const four = _mm256_add_pd(half<0>(eight), half<1>(eight));
    __m128d const two = _mm_add_pd(_mm256_castpd256_pd128(four), _mm256_extractf128_pd(four, 1));
    return _mm_cvtsd_f64(_mm_add_sd(two, _mm_unpackhi_pd(two, two)));
}
inline float sum(floats x) {
    __m256 const eight = _mm256_add_ps(half<0>(x), half<1>(x));
    __m128 const four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    __m128 const two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}
/// Lanes i + lanes i + 8 of x, then the same of y.
inline floats sum_to_eight(floats x, floats y) {
    return _mm512_add_ps(_mm512_maskz_shuffle_f32x4(all, x, y, 0x44), _mm512_maskz_shuffle_f32x4(all, x, y, 0xee));
}
inline void store_sums(float* to, floats const (&x)[4]) {
    floats const a = sum_to_eight(x[0], x[1]);
    floats const b = sum_to_eight(x[2], x[3]);
    // Four lanes a vector: 0 + 4 ... 3 + 7 of the eight.
    floats const four =
        _mm512_add_ps(_mm512_maskz_shuffle_f32x4(all, a, b, 0x88), _mm512_maskz_shuffle_f32x4(all, a, b, 0xdd));
    floats const two = _mm512_add_ps(four, _mm512_maskz_permute_ps(all, four, 0x4e));
    floats const one = _mm512_add_ps(two, _mm512_maskz_permute_ps(all, two, 0xb1));
    _mm_storeu_ps(to, _mm512_maskz_extractf32x4_ps(0xf, _mm512_maskz_compress_ps(0x1111, one), 0));
}

#include <nibble/nn/cpu/kernels.inl>

}  // namespace nibble::avx512_set

#include <nibble/gemm/cpu/target_end.inl>
#endif
