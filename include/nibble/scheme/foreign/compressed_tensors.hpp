// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/numeric/rounding.hpp>
#include <nibble/scheme/compose.hpp>
#include <nibble/scheme/foreign/arithmetic.hpp>
#include <nibble/scheme/parameter_rule.hpp>

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>

namespace nibble {

// compressed-tensors, T being the type of the weights: float, bf16 or f16. Its zero points and asymmetric codes are
// signed, those here 2^(bits − 1) more.  source: compressed-tensors 0.20.0, quantization/utils and lifecycle/forward.py

/// A scale of exactly 0 becomes T's epsilon; a subnormal one stays.
template <class T>
struct epsilon_for_zero {
    using axis = axis::zero_group;
    static constexpr auto text = detail::word_in<T>("epsilon_for_zero");
    static constexpr std::string_view name = text.data();
    static constexpr float epsilon = std::is_same_v<T, float> ? 0x1p-23f : std::is_same_v<T, bf16> ? 0x1p-7f : 0x1p-10f;
    NIBBLE_HD static constexpr float at_least(float s) { return s == 0.0f ? epsilon : s; }
};

/// q = round(R(v + z)), v and z being counted from the middle of 2^Bits codes.
template <class T, int Bits>
struct zero_before_rounding_in {
    using axis = axis::zero_order;
    static constexpr auto text = detail::word_in<T>("zero_before");
    static constexpr std::string_view name = text.data();
    template <class Rounding, class... Random>
    NIBBLE_HD static constexpr float index(float position, float zero, Random... random) {
        constexpr float middle = 1 << (Bits - 1);
        return Rounding::round(detail::rounded<T>(position + (zero - middle)), random...) + middle;
    }
};

/// s = R(R(max − min) / qmax),  z = round(clamp(R(low − R(min / s)))), low being the lowest signed code: rounded once,
/// and from the s that may be 0. In an all-zero group z is the middle.
template <class T>
struct min_max_of_signed {
    using axis = axis::scale_rule;
    static constexpr auto text = detail::word_in<T>("min_max_signed");
    static constexpr std::string_view name = text.data();
    static constexpr bool serves_symmetric = false;
    static constexpr bool serves_asymmetric = true;

    template <class S>
    static constexpr stored_fit<S> parameters(group_range r) {
        using detail::rounded;
        constexpr float middle = (S::high + 1.0f) / 2.0f;
        float const s = rounded<T>(rounded<T>(r.max - r.min) / S::high);
        float z = 0.0f;
        if (r.min != 0.0f || s != 0.0f) {
            z = rounded<T>(-middle - rounded<T>(r.min / s));
            z = round_to_nearest_even::round(z < -middle ? -middle : z > middle - 1.0f ? middle - 1.0f : z);
        }
        float const kept = S::zero_group::at_least(s);
        return {typename S::scale_type(kept), static_cast<std::uint8_t>(z + middle), kept, 0.0f};
    }
};

template <int B, std::size_t Group, class T = float>
using compressed_tensors = scheme<bits<B>, per_group<Group>, scale_as<T>, absmax_over_half_range_in<T>,
                                  codes_from_unrounded, epsilon_for_zero<T>, divide_in<T>>;
template <int B, std::size_t Group, class T = float>
using compressed_tensors_asymmetric = scheme<bits<B>, asymmetric, per_group<Group>, scale_as<T>, min_max_of_signed<T>,
                                             zero_before_rounding_in<T, B>, epsilon_for_zero<T>, divide_in<T>>;
using compressed_tensors_int4 = compressed_tensors<4, 128>;
using compressed_tensors_int4_asymmetric = compressed_tensors_asymmetric<4, 128>;

}  // namespace nibble
