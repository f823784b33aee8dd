// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/gemm/int8_activations.hpp>
#include <nibble/numeric/bf16.hpp>
#include <nibble/numeric/f16.hpp>
#include <nibble/numeric/fine_code.hpp>
#include <nibble/numeric/isa.hpp>
#include <nibble/tensor/cpu_panel.hpp>
#include <nibble/tensor/dense_panels.hpp>
#include <nibble/tensor/matrix.hpp>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>
#include <utility>

#if NIBBLE_X86_KERNELS
#include <immintrin.h>

#include <nibble/gemm/cpu/target_avx2.inl>

/// The verbs of scalar.hpp, two registers each: rows 0 ... 7 and 8 ... 15 of the panel.
namespace nibble::avx2_set {

inline constexpr int tile_rows = 2;
inline constexpr int tile_panels = 1;
inline constexpr int float_rows = 1;

struct floats {
    __m256 a, b;
};
struct ints {
    __m256i a, b;
};
struct bytes {
    __m256i a, b;
};

inline __m256i const* vectors(void const* from) { return static_cast<__m256i const*>(from); }

inline floats repeat(float x) { return {_mm256_set1_ps(x), _mm256_set1_ps(x)}; }
inline ints repeat(std::int32_t x) { return {_mm256_set1_epi32(x), _mm256_set1_epi32(x)}; }
inline floats load(float const* from) { return {_mm256_loadu_ps(from), _mm256_loadu_ps(from + 8)}; }
inline void store(float* to, floats x) {
    _mm256_storeu_ps(to, x.a);
    _mm256_storeu_ps(to + 8, x.b);
}
inline floats load_scales(float const* from) { return load(from); }
inline floats load_scales(f16 const* from) {
    __m256i const halves = _mm256_loadu_si256(vectors(from));
    return {_mm256_cvtph_ps(_mm256_castsi256_si128(halves)), _mm256_cvtph_ps(_mm256_extracti128_si256(halves, 1))};
}
inline floats load_scales(bf16 const* from) {
    __m256i const halves = _mm256_loadu_si256(vectors(from));
    __m256i const a = _mm256_cvtepu16_epi32(_mm256_castsi256_si128(halves));
    __m256i const b = _mm256_cvtepu16_epi32(_mm256_extracti128_si256(halves, 1));
    return {_mm256_castsi256_ps(_mm256_slli_epi32(a, 16)), _mm256_castsi256_ps(_mm256_slli_epi32(b, 16))};
}
inline __m256i widen_bytes(void const* from) {
    return _mm256_cvtepu8_epi32(_mm_loadl_epi64(static_cast<__m128i const*>(from)));
}
template <int Bits>
inline floats load_scales(unsigned_code<Bits> const* from) {
    return {_mm256_cvtepi32_ps(widen_bytes(from)), _mm256_cvtepi32_ps(widen_bytes(from + 8))};
}
template <int Bits>
inline floats load_scales(signed_code<Bits> const* from) {
    __m256i const bias = _mm256_set1_epi32(1 << (Bits - 1));
    return {_mm256_cvtepi32_ps(_mm256_sub_epi32(widen_bytes(from), bias)),
            _mm256_cvtepi32_ps(_mm256_sub_epi32(widen_bytes(from + 8), bias))};
}
template <class T>
inline floats load_scales(T const* from) {
    float lanes[16];
    for (int i = 0; i < 16; ++i) {
        lanes[i] = static_cast<float>(from[i]);
    }
    return load(lanes);
}
template <int Odd, class T>
inline floats load_column(T const* pair) {
    return load_scales(pair + 16 * Odd);
}
inline __m256 half_of_pair(__m256i pair, bool odd) {
    return _mm256_castsi256_ps(odd ? _mm256_and_si256(pair, _mm256_set1_epi32(-65536)) : _mm256_slli_epi32(pair, 16));
}
template <int Odd>
inline floats load_column(bf16 const* pair) {
    return {half_of_pair(_mm256_load_si256(vectors(pair)), Odd != 0),
            half_of_pair(_mm256_load_si256(vectors(pair + 16)), Odd != 0)};
}
inline ints load_zeros(std::uint8_t const* from) { return {widen_bytes(from), widen_bytes(from + 8)}; }
// GCC drops calls of a function that has no other effect.
[[gnu::always_inline]] inline void prefetch(void const* from) {
    _mm_prefetch(static_cast<char const*>(from), _MM_HINT_T0);
}
inline bytes load_bytes(std::uint8_t const* from) {
    return {_mm256_load_si256(vectors(from)), _mm256_load_si256(vectors(from + 32))};
}
inline bytes repeat_four(std::int8_t const* from) {
    std::int32_t four;
    std::memcpy(&four, from, 4);
    return {_mm256_set1_epi32(four), _mm256_set1_epi32(four)};
}
template <int From, int To, int Width>
inline __m256i move_half(__m256i x) {
    if constexpr (From > To) {
        x = _mm256_srli_epi16(x, From - To);
    } else if constexpr (From < To) {
        x = _mm256_slli_epi16(x, To - From);
    }
    if constexpr (Width < 8) {
        x = _mm256_and_si256(x, _mm256_set1_epi8(static_cast<char>(((1 << Width) - 1) << To)));
    }
    return x;
}
template <int From, int To, int Width>
inline bytes move_field(bytes x) {
    return {move_half<From, To, Width>(x.a), move_half<From, To, Width>(x.b)};
}
inline bytes merge(bytes x, bytes y) { return {_mm256_or_si256(x.a, y.a), _mm256_or_si256(x.b, y.b)}; }
template <int I>
inline ints byte_of(bytes x) {
    __m256i const mask = _mm256_set1_epi32(255);
    return {_mm256_and_si256(_mm256_srli_epi32(x.a, 8 * I), mask),
            _mm256_and_si256(_mm256_srli_epi32(x.b, 8 * I), mask)};
}
inline bytes look_up(bytes x, std::uint8_t const* table) {
    __m256i const entries = _mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<__m128i const*>(table)));
    return {_mm256_shuffle_epi8(entries, x.a), _mm256_shuffle_epi8(entries, x.b)};
}
inline __m256 look_up_16(__m256i x, __m256 low, __m256 high) {
    return _mm256_blendv_ps(_mm256_permutevar8x32_ps(low, x), _mm256_permutevar8x32_ps(high, x),
                            _mm256_castsi256_ps(_mm256_slli_epi32(x, 28)));
}
template <int Size>
inline floats look_up(ints x, float const* table) {
    if constexpr (Size == 16) {
        __m256 const low = _mm256_loadu_ps(table);
        __m256 const high = _mm256_loadu_ps(table + 8);
        return {look_up_16(x.a, low, high), look_up_16(x.b, low, high)};
    } else {
        return {_mm256_i32gather_ps(table, x.a, 4), _mm256_i32gather_ps(table, x.b, 4)};
    }
}
/// maddubs saturates at 2^15 − 1: two products fit it for u of at most 7 bits (2 · 127 · 128 = 32,512).
inline __m256i dot_7_bits(__m256i sum, __m256i u, __m256i s) {
    return _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_maddubs_epi16(u, s), _mm256_set1_epi16(1)));
}
/// 8 bits in two halves of 4; the high products, at most 2 · 15 · 128, are shifted back as 16 · madd.
inline __m256i dot_8_bits(__m256i sum, __m256i u, __m256i s) {
    __m256i const mask = _mm256_set1_epi8(15);
    __m256i const low = _mm256_maddubs_epi16(_mm256_and_si256(u, mask), s);
    __m256i const high = _mm256_maddubs_epi16(_mm256_and_si256(_mm256_srli_epi16(u, 4), mask), s);
    sum = _mm256_add_epi32(sum, _mm256_madd_epi16(low, _mm256_set1_epi16(1)));
    return _mm256_add_epi32(sum, _mm256_madd_epi16(high, _mm256_set1_epi16(16)));
}
template <int Bits>
inline ints dot(ints sum, bytes u, bytes s) {
    if constexpr (Bits == 8) {
        return {dot_8_bits(sum.a, u.a, s.a), dot_8_bits(sum.b, u.b, s.b)};
    } else {
        return {dot_7_bits(sum.a, u.a, s.a), dot_7_bits(sum.b, u.b, s.b)};
    }
}
inline ints times(ints x, std::int32_t y) {
    __m256i const all = _mm256_set1_epi32(y);
    return {_mm256_mullo_epi32(x.a, all), _mm256_mullo_epi32(x.b, all)};
}
inline ints minus(ints x, ints y) { return {_mm256_sub_epi32(x.a, y.a), _mm256_sub_epi32(x.b, y.b)}; }
inline floats to_floats(ints x) { return {_mm256_cvtepi32_ps(x.a), _mm256_cvtepi32_ps(x.b)}; }
inline floats plus(floats x, floats y) { return {_mm256_add_ps(x.a, y.a), _mm256_add_ps(x.b, y.b)}; }
inline floats multiply(floats x, floats y) { return {_mm256_mul_ps(x.a, y.a), _mm256_mul_ps(x.b, y.b)}; }
inline floats fused(floats x, floats y, floats z) {
    return {_mm256_fmadd_ps(x.a, y.a, z.a), _mm256_fmadd_ps(x.b, y.b, z.b)};
}
inline floats divide(floats x, floats y) { return {_mm256_div_ps(x.a, y.a), _mm256_div_ps(x.b, y.b)}; }
inline ints add(ints x, ints y) { return {_mm256_add_epi32(x.a, y.a), _mm256_add_epi32(x.b, y.b)}; }
inline ints greater(ints x, ints y) { return {_mm256_max_epi32(x.a, y.a), _mm256_max_epi32(x.b, y.b)}; }
inline void store(std::int32_t* to, ints x) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), x.a);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + 8), x.b);
}
inline ints magnitude_bits(floats x) {
    __m256i const mask = _mm256_set1_epi32(0x7fffffff);
    return {_mm256_and_si256(_mm256_castps_si256(x.a), mask), _mm256_and_si256(_mm256_castps_si256(x.b), mask)};
}
inline __m256i nearest_half(__m256 x) {
    __m256 const shifter = _mm256_set1_ps(12582912.0f);
    return _mm256_sub_epi32(_mm256_castps_si256(_mm256_add_ps(x, shifter)), _mm256_castps_si256(shifter));
}
inline ints nearest(floats x) { return {nearest_half(x.a), nearest_half(x.b)}; }
inline void store_codes(std::int8_t* to, ints x, std::size_t count) {
    std::int32_t lanes[16];
    store(lanes, x);
    for (std::size_t i = 0; i < count; ++i) {
        to[i] = static_cast<std::int8_t>(lanes[i]);
    }
}

#define NIBBLE_TILE_INLINE [[gnu::always_inline]] inline
#include <nibble/gemm/cpu/mainloop.inl>
#include <nibble/gemm/cpu/quantize_segment.inl>
#undef NIBBLE_TILE_INLINE

}  // namespace nibble::avx2_set

#include <nibble/gemm/cpu/target_end.inl>
#endif
