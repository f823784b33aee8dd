// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/gemm/int8_activations.hpp>
#include <nibble/numeric/bf16.hpp>
#include <nibble/numeric/e8m0.hpp>
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

#include <nibble/gemm/cpu/target_avx512.inl>

/// The verbs of scalar.hpp, a register each.
namespace nibble::avx512_set {

inline constexpr int tile_rows = 6;
inline constexpr int tile_panels = 2;
inline constexpr int float_rows = 4;

// The maskz forms with every lane on are the plain instructions; GCC 12 warns about its own headers in the plain forms.
inline constexpr __mmask16 all = 0xffff;

using floats = __m512;
// __m512i twice, so that overloads tell them apart.
struct ints {
    __m512i v;
};
struct bytes {
    __m512i v;
};

inline floats repeat(float x) { return _mm512_set1_ps(x); }
inline ints repeat(std::int32_t x) { return {_mm512_set1_epi32(x)}; }
inline floats load(float const* from) { return _mm512_loadu_ps(from); }
inline void store(float* to, floats x) { _mm512_storeu_ps(to, x); }
inline floats load_scales(float const* from) { return _mm512_loadu_ps(from); }
inline floats load_scales(f16 const* from) {
    return _mm512_maskz_cvtph_ps(all, _mm256_loadu_si256(reinterpret_cast<__m256i const*>(from)));
}
inline floats load_scales(bf16 const* from) {
    __m512i const wide = _mm512_maskz_cvtepu16_epi32(all, _mm256_loadu_si256(reinterpret_cast<__m256i const*>(from)));
    return _mm512_castsi512_ps(_mm512_maskz_slli_epi32(all, wide, 16));
}
inline floats load_scales(e8m0 const* from) {
    __m512i const code = _mm512_maskz_cvtepu8_epi32(all, _mm_loadu_si128(reinterpret_cast<__m128i const*>(from)));
    __m512i const power = _mm512_maskz_slli_epi32(all, code, 23);
    __m512i const least =
        _mm512_mask_mov_epi32(power, _mm512_testn_epi32_mask(code, code), _mm512_set1_epi32(0x00400000));
    return _mm512_castsi512_ps(_mm512_mask_mov_epi32(least, _mm512_cmpeq_epi32_mask(code, _mm512_set1_epi32(255)),
                                                     _mm512_set1_epi32(0x7fc00000)));
}
template <int Bits>
inline floats load_scales(unsigned_code<Bits> const* from) {
    return _mm512_maskz_cvtepi32_ps(
        all, _mm512_maskz_cvtepu8_epi32(all, _mm_loadu_si128(reinterpret_cast<__m128i const*>(from))));
}
template <int Bits>
inline floats load_scales(signed_code<Bits> const* from) {
    __m512i const code = _mm512_maskz_cvtepu8_epi32(all, _mm_loadu_si128(reinterpret_cast<__m128i const*>(from)));
    return _mm512_maskz_cvtepi32_ps(all, _mm512_sub_epi32(code, _mm512_set1_epi32(1 << (Bits - 1))));
}
template <class T>
inline floats load_scales(T const* from) {
    alignas(64) float lanes[16];
    for (int i = 0; i < 16; ++i) {
        lanes[i] = static_cast<float>(from[i]);
    }
    return _mm512_load_ps(lanes);
}
template <int Odd, class T>
inline floats load_column(T const* pair) {
    return load_scales(pair + 16 * Odd);
}
template <int Odd>
inline floats load_column(bf16 const* pair) {
    __m512i const both = _mm512_load_si512(pair);
    return _mm512_castsi512_ps(Odd != 0 ? _mm512_and_si512(both, _mm512_set1_epi32(-65536))
                                        : _mm512_maskz_slli_epi32(all, both, 16));
}
inline ints load_zeros(std::uint8_t const* from) {
    return {_mm512_maskz_cvtepu8_epi32(all, _mm_loadu_si128(reinterpret_cast<__m128i const*>(from)))};
}
// GCC drops calls of a function that has no other effect.
[[gnu::always_inline]] inline void prefetch(void const* from) {
    _mm_prefetch(static_cast<char const*>(from), _MM_HINT_T0);
}
inline bytes load_bytes(std::uint8_t const* from) { return {_mm512_load_si512(from)}; }
inline bytes repeat_four(std::int8_t const* from) {
    std::int32_t four;
    std::memcpy(&four, from, 4);
    return {_mm512_set1_epi32(four)};
}
template <int From, int To, int Width>
inline bytes move_field(bytes x) {
    if constexpr (From > To) {
        x.v = _mm512_srli_epi16(x.v, From - To);
    } else if constexpr (From < To) {
        x.v = _mm512_slli_epi16(x.v, To - From);
    }
    if constexpr (Width < 8) {
        x.v = _mm512_and_si512(x.v, _mm512_set1_epi8(static_cast<char>(((1 << Width) - 1) << To)));
    }
    return x;
}
inline bytes merge(bytes a, bytes b) { return {_mm512_or_si512(a.v, b.v)}; }
template <int I>
inline ints byte_of(bytes x) {
    return {_mm512_and_si512(_mm512_maskz_srli_epi32(all, x.v, 8 * I), _mm512_set1_epi32(255))};
}
inline bytes look_up(bytes x, std::uint8_t const* table) {
    __m512i const entries = _mm512_maskz_broadcast_i32x4(all, _mm_loadu_si128(reinterpret_cast<__m128i const*>(table)));
    return {_mm512_shuffle_epi8(entries, x.v)};
}
template <int Size>
inline floats look_up(ints x, float const* table) {
    if constexpr (Size <= 16) {
        return _mm512_maskz_permutexvar_ps(all, x.v,
                                           _mm512_maskz_loadu_ps(static_cast<__mmask16>((1u << Size) - 1u), table));
    } else {
        return _mm512_mask_i32gather_ps(_mm512_setzero_ps(), all, x.v, table, 4);
    }
}
template <int Bits>
inline ints dot(ints sum, bytes u, bytes s) {
    return {_mm512_dpbusd_epi32(sum.v, u.v, s.v)};
}
inline ints times(ints a, std::int32_t b) { return {_mm512_mullo_epi32(a.v, _mm512_set1_epi32(b))}; }
inline ints minus(ints a, ints b) { return {_mm512_sub_epi32(a.v, b.v)}; }
inline floats to_floats(ints x) { return _mm512_maskz_cvtepi32_ps(all, x.v); }
inline floats plus(floats a, floats b) { return _mm512_add_ps(a, b); }
inline floats multiply(floats a, floats b) { return _mm512_mul_ps(a, b); }
inline floats fused(floats a, floats b, floats c) { return _mm512_fmadd_ps(a, b, c); }
inline floats divide(floats a, floats b) { return _mm512_div_ps(a, b); }
inline ints add(ints a, ints b) { return {_mm512_add_epi32(a.v, b.v)}; }
inline ints greater(ints a, ints b) { return {_mm512_maskz_max_epi32(all, a.v, b.v)}; }
inline void store(std::int32_t* to, ints x) { _mm512_storeu_si512(to, x.v); }
inline ints magnitude_bits(floats x) {
    return {_mm512_and_si512(_mm512_castps_si512(x), _mm512_set1_epi32(0x7fffffff))};
}
inline ints nearest(floats x) {
    floats const shifter = _mm512_set1_ps(12582912.0f);
    return {_mm512_sub_epi32(_mm512_castps_si512(_mm512_add_ps(x, shifter)), _mm512_castps_si512(shifter))};
}
inline void store_codes(std::int8_t* to, ints x, std::size_t count) {
    _mm512_mask_cvtepi32_storeu_epi8(to, static_cast<__mmask16>((1u << count) - 1u), x.v);
}

#define NIBBLE_TILE_INLINE [[gnu::always_inline]] inline
#include <nibble/gemm/cpu/mainloop.inl>
#include <nibble/gemm/cpu/quantize_segment.inl>
#undef NIBBLE_TILE_INLINE

}  // namespace nibble::avx512_set

#include <nibble/gemm/cpu/target_end.inl>
#endif
