// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/gemm/cpu/avx2.hpp>
#include <nibble/gemm/cpu/avx512.hpp>
#include <nibble/gemm/cpu/scalar.hpp>
#include <nibble/numeric/bf16.hpp>
#include <nibble/numeric/float_bits.hpp>
#include <nibble/numeric/host_device.hpp>  // NIBBLE_HD
#include <nibble/numeric/isa.hpp>
#include <nibble/numeric/random.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

namespace nibble::detail {

/// What one step of AdamW multiplies by, each rounded once.
struct adamw_factors {
    float old_mean, new_mean;      ///< β1, 1 − β1
    float old_square, new_square;  ///< β2, 1 − β2
    float mean_correction;         ///< 1 / (1 − β1^step)
    float root_correction;         ///< 1 / √(1 − β2^step)
    float epsilon, weight_decay, rate;
};

/// Down or up to a neighbour in bf16, up (in magnitude) with the probability of the fraction: E = x where no neighbour
/// is infinite. `noise` is 16 uniform bits. NaN stays NaN, infinity itself.
NIBBLE_HD constexpr bf16 round_at_random(float x, std::uint32_t noise) {
    std::uint32_t const bits = bits_of(x);
    bool const is_nan = (bits & 0x7fffffffu) > 0x7f800000u;
    return bf16::from_bits(static_cast<std::uint16_t>((is_nan ? bits | 0x400000u : bits + noise) >> 16));
}

}  // namespace nibble::detail

namespace nibble::scalar_set {

inline floats square_root(floats x) {
    for (float& lane : x.lane) {
        lane = std::sqrt(lane);
    }
    return x;
}
#include <nibble/nn/cpu/adamw.inl>

}  // namespace nibble::scalar_set

#if NIBBLE_X86_KERNELS
#include <immintrin.h>

#include <nibble/gemm/cpu/target_avx2.inl>
namespace nibble::avx2_set {

inline floats square_root(floats x) { return {_mm256_sqrt_ps(x.a), _mm256_sqrt_ps(x.b)}; }
#include <nibble/nn/cpu/adamw.inl>

}  // namespace nibble::avx2_set
#include <nibble/gemm/cpu/target_end.inl>

#include <nibble/gemm/cpu/target_avx512.inl>
namespace nibble::avx512_set {

inline floats square_root(floats x) { return _mm512_maskz_sqrt_ps(all, x); }
#include <nibble/nn/cpu/adamw.inl>

}  // namespace nibble::avx512_set
#include <nibble/gemm/cpu/target_end.inl>
#endif

namespace nibble::detail {

template <class State>
void adamw_range(isa set, adamw_factors const& f, float* w, float const* g, State* m, State* v, random_key key,
                 std::uint64_t first, std::size_t count) {
    switch (set) {
#if NIBBLE_X86_KERNELS
    case isa::avx512_bf16:
    case isa::avx512:
        return avx512_set::adamw_range(f, w, g, m, v, key, first, count);
    case isa::avx2:
        return avx2_set::adamw_range(f, w, g, m, v, key, first, count);
#endif
    default:
        return scalar_set::adamw_range(f, w, g, m, v, key, first, count);
    }
}

}  // namespace nibble::detail
