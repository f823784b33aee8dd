// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/numeric/float_bits.hpp>
#include <nibble/scheme/compose.hpp>
#include <nibble/scheme/parameter_rule.hpp>
#include <nibble/scheme/value_rule.hpp>

#include <bit>
#include <cstddef>

namespace nibble {

namespace detail {

template <class R>
inline constexpr int noise_bits_of = 0;
template <int Bits>
inline constexpr int noise_bits_of<stochastic<Bits>> = Bits;

/// Significant bits of the values of a scale type.
template <class T>
inline constexpr int precision_of = 24;
template <>
inline constexpr int precision_of<bf16> = 8;
template <>
inline constexpr int precision_of<f16> = 11;
template <>
inline constexpr int precision_of<e4m3> = 4;
template <>
inline constexpr int precision_of<e8m0> = 1;
template <class Fine, class Super, std::size_t Groups>
inline constexpr int precision_of<two_level<Fine, Super, Groups>> =
    (std::same_as<Fine, e4m3> ? 4 : width_of<Fine>)+precision_of<Super>;

/// How many bits more than y the product x · y may have: none where x is a power of two.
constexpr int bits_added_by(float x) {
    unsigned const mantissa = (bits_of(x) & 0x7fffffu) | 0x800000u;
    int const bits = 24 - std::countr_zero(mantissa);
    return x == 0.0f || bits == 1 ? 0 : bits;
}

/// The most that a level in use adds.
template <quantization_scheme S>
inline constexpr int level_bits = [] {
    int most = S::storage::has_zero_point ? S::grid::bits : 0;
    for (int i = S::qmin; i <= S::qmax; ++i) {
        int const bits = bits_added_by(S::grid::level(S::grid::code(i)));
        most = bits > most ? bits : most;
    }
    return most;
}();

/// Whether scale and zero follow from the extremes of a group, and this library rounds them. Other rules need not be
/// constant expressions.
template <quantization_scheme S>
inline constexpr bool chooses_by_range =
    !value_rule<typename S::scale_rule, S> && !parameter_rule<typename S::scale_rule, S> &&
    !super_parameter_rule<typename S::scale_rule, S>;

/// Whether level · scale has no rounding error, subnormals aside.
template <quantization_scheme S>
inline constexpr bool has_exact_products =
    !S::storage::has_offset && level_bits<S> + precision_of<typename S::scale_type> <= 24;

/// Whether the levels in use lie symmetrically around a level of zero.
template <quantization_scheme S>
inline constexpr bool has_odd_levels = [] {
    if (!S::is_symmetric || S::qmin != -S::qmax) {
        return false;
    }
    for (int i = 0; i <= S::qmax; ++i) {
        if (S::grid::level(S::grid::code(-i)) != -S::grid::level(S::grid::code(i))) {
            return false;
        }
    }
    return true;
}();

}  // namespace detail

/// Whether a mode rounds to the nearest integer. One of your own says `static constexpr bool is_nearest = true;`
template <class R>
inline constexpr bool rounds_to_nearest = [] {
    if constexpr (requires { R::is_nearest; }) {
        return bool{R::is_nearest};
    }
    return detail::is_one_of<R, round_to_nearest_even, round_to_nearest_away, round_half_up, round_half_down,
                             round_half_to_zero, round_half_odd, truncate_after_adding<0>, truncate_after_adding<8>,
                             truncate_after_adding<16>>;
}();

/// Whether round(−x) = −round(x). A mode of your own says `static constexpr bool is_odd = true;`
template <class R>
inline constexpr bool rounds_oddly = [] {
    if constexpr (requires { R::is_odd; }) {
        return bool{R::is_odd};
    }
    return detail::is_one_of<R, round_to_nearest_even, round_to_nearest_away, round_half_to_zero, round_half_odd,
                             round_toward_zero, round_away_from_zero> ||
           detail::noise_bits_of<R> != 0;
}();

}  // namespace nibble
