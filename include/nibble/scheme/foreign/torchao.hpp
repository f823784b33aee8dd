// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/scheme/compose.hpp>
#include <nibble/scheme/foreign/arithmetic.hpp>
#include <nibble/scheme/parameter_rule.hpp>

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>

namespace nibble {

// torchao's integer weights and activations, T being the type of the tensor: float, bf16 or f16. What differs between
// its entry points, and from here: docs/foreign.md.  source: torchao 0.18.0, quantization/quant_primitives.py

/// Activations with a zero point, computed in T:
///   s = at_least(R(R(max − min) / (qmax − qmin))),  z = clamp(−round(R(min / s))): it divides, whatever codes do
template <class T>
struct min_max_of_tokens {
    using axis = axis::scale_rule;
    static constexpr auto text = detail::word_in<T>("min_max_tokens");
    static constexpr std::string_view name = text.data();
    static constexpr bool serves_symmetric = false;
    static constexpr bool serves_asymmetric = true;

    template <class S>
    static constexpr stored_fit<S> parameters(group_range r) {
        using detail::rounded;
        float const s = S::zero_group::at_least(rounded<T>(rounded<T>(r.max - r.min) / S::high));
        float const z = -round_to_nearest_even::round(rounded<T>(r.min / s));
        auto const zero = static_cast<std::uint8_t>(z < 0.0f ? 0.0f : z > S::high ? S::high : z);
        return {typename S::scale_type(s), zero, s, 0.0f};
    }
};

/// Weights with an offset in the middle, computed in T and stored in bf16:
///   s₀ = at_least(R(R(max − min) / 15)),  s = bf16(s₀),  o = bf16(R(min + R(8 s₀))),  the origin bf16(o − bf16(8 s))
/// The origin is two roundings away from the least value, which need not get the lowest code.
template <class T>
struct min_max_tinygemm {
    using axis = axis::scale_rule;
    static constexpr auto text = detail::word_in<T>("tinygemm");
    static constexpr std::string_view name = text.data();
    static constexpr bool serves_symmetric = false;
    static constexpr bool serves_asymmetric = true;
    static constexpr bool counts_from_lowest = true;

    template <class S>
    static constexpr stored_fit<S> parameters(group_range r) {
        using detail::rounded;
        float const steps = S::high - S::low;
        float const s = rounded<T>(S::zero_group::at_least(rounded<T>(rounded<T>(r.max - r.min) / steps)));
        bf16 const scale(s);
        bf16 const zero(rounded<T>(r.min + rounded<T>(multiply(s, -S::low))));
        float const stored = static_cast<float>(scale);
        float const below = rounded<bf16>(multiply(stored, -S::low));
        return {scale, zero, stored, rounded<bf16>(static_cast<float>(zero) - below)};
    }
};

/// The same in f32, with the least value itself as the origin:
///   s = max(max − min, 10^-6) / 15,  o = min + 8 s
struct min_max_above_millionth {
    using axis = axis::scale_rule;
    static constexpr char const* name = "min_max_1e-6";
    static constexpr bool serves_symmetric = false;
    static constexpr bool serves_asymmetric = true;
    static constexpr bool counts_from_lowest = true;

    template <class S>
    static constexpr stored_fit<S> parameters(group_range r) {
        float const s = at_least_one_millionth::at_least(r.max - r.min) / (S::high - S::low);
        return {s, r.min + multiply(s, -S::low), s, r.min};
    }
};

/// Scales no smaller than the smallest normal T.
template <class T>
using at_least_normal =
    std::conditional_t<std::is_same_v<T, f16>, at_least_smallest_normal_f16, at_least_smallest_normal>;

/// Symmetric int4 as IntxWeightOnlyConfig and the converted model of training have it; scales in T.
template <class T, std::size_t Group>
using torchao_int4 =
    scheme<bits<4>, per_group<Group>, scale_as<T>, absmax_over_half_range_in<T>, at_least_normal<T>, reciprocal_in<T>>;
/// The same while training, and of the older 8da4w entry points: the scale is computed in T, everything else in f32.
/// Codes differ from torchao_int4 where T is not float.
template <class T, std::size_t Group>
using torchao_int4_prepared = scheme<bits<4>, per_group<Group>, scale_as<float>, absmax_over_half_range_in<T>,
                                     at_least_normal<T>, reciprocal_in<float>>;
using torchao_int4_g128 = torchao_int4<float, 128>;
using torchao_8da4w = torchao_int4<float, 32>;

/// The activations of 8da4w; `scale_as<T>`.
template <class T>
using torchao_8da4w_tokens_of =
    scheme<bits<8>, asymmetric, per_token, scale_as<T>, min_max_of_tokens<T>, at_least_normal<T>, reciprocal_in<T>>;
using torchao_8da4w_tokens = torchao_8da4w_tokens_of<float>;
/// The same of the older entry points: s is at least 2^-23, and codes are chosen in f32.
template <class T>
using torchao_8da4w_tokens_legacy = scheme<bits<8>, asymmetric, per_token, scale_as<float>, min_max_of_tokens<T>,
                                           at_least_epsilon, reciprocal_in<float>>;

/// groupwise_affine_quantize_tensor, and with `at_least_smallest_normal` Int4TilePackedTo4dTensor.
template <class T, std::size_t Group, class Least = at_least_one_millionth>
using tinygemm =
    scheme<bits<4>, asymmetric_middle, per_group<Group>, scale_as<bf16>, min_max_tinygemm<T>, Least, divide_in<T>>;
using tinygemm_int4 = tinygemm<bf16, 128>;

/// Int4WeightFakeQuantizer for bf16 activations, what Int4WeightOnlyConfig trains with; f32 whatever the weights are.
template <std::size_t Group>
using torchao_int4_row = scheme<bits<4>, asymmetric_middle, per_group<Group>, scale_as<float>, min_max_above_millionth>;

}  // namespace nibble
