// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/numeric/float_bits.hpp>
#include <nibble/quantize/exactness.hpp>
#include <nibble/scheme/compose.hpp>
#include <nibble/scheme/info.hpp>
#include <nibble/scheme/scale.hpp>

#include <concepts>
#include <cstddef>
#include <utility>

namespace nibble {

namespace detail {

constexpr bool is_power_of_two(float x) { return x != 0.0f && (bits_of(x) & 0x7fffffu) == 0u; }

template <quantization_scheme S>
constexpr float level_of(int index) {
    return S::grid::level(S::grid::code(index));
}

template <quantization_scheme S>
constexpr bool has_level(float level) {
    float const index = S::grid::position(level);
    return index >= static_cast<float>(S::qmin) && index <= static_cast<float>(S::qmax) &&
           level_of<S>(static_cast<int>(index)) == level;
}

/// Whether the exponents of a scale type end where those of f32 do, so that its own subnormals do not matter.
template <class T>
inline constexpr bool has_wide_exponent = is_one_of<T, float, bf16, e8m0>;

/// Whether scales are powers of two by a rule that commutes with them.
template <quantization_scheme S>
inline constexpr bool has_power_scales = is_one_of<typename S::scale_rule, power_of_two_above, power_of_two_of_binade>;

template <quantization_scheme S>
inline constexpr int scale_bits = has_power_scales<S> ? 1 : precision_of<typename S::scale_type>;

/// The level that the rule divides the extreme of a group by; 0 where it does something else.
template <quantization_scheme S>
inline constexpr float anchor = [] {
    using rule = typename S::scale_rule;
    if constexpr (std::same_as<rule, absmax_over_qmax>) {
        return S::high;
    } else if constexpr (std::same_as<rule, signed_extreme>) {
        return S::low;
    } else if constexpr (std::same_as<rule, absmax_over_qmin>) {
        return -S::low;
    }
    return 0.0f;
}();

/// Whether the extreme of every group that S writes has the level of the anchor (or its negative, where the rule does
/// not see signs), and no value of the group a larger one. The quotient of the extreme is the anchor but for the
/// rounding of the scale, half a unit in its last place, and that of the division; the gaps next to the anchor have to
/// bear it. A stored scale among the subnormals of its type is off by more.
template <quantization_scheme S>
inline constexpr bool reaches_anchor = [] {
    float const a = magnitude(anchor<S>);
    bool const sees_sign = std::same_as<typename S::scale_rule, signed_extreme>;
    bool const from_stored = std::same_as<typename S::codes_from, codes_from_stored>;
    if (a == 0.0f || !rounds_to_nearest<typename S::rounding> ||
        (from_stored && !has_wide_exponent<typename S::scale_type>) ||
        (sees_sign ? S::high > a : !has_level<S>(a) || !has_level<S>(-a))) {
        return false;
    }
    float const half_unit = from_stored ? float_of(static_cast<unsigned>(127 - scale_bits<S>) << 23) : 0.0f;
    for (int i = S::qmin; i <= S::qmax; ++i) {
        float const gap = magnitude(magnitude(level_of<S>(i)) - a);
        if (gap != 0.0f && a * (half_unit + 0x1p-21f) >= gap / 2) {
            return false;
        }
    }
    return true;
}();

/// Whether a part of `part` rows or columns lies within one of `whole`; 0 is all there are.
constexpr bool is_part_of(std::size_t part, std::size_t whole) {
    return part == whole || (part != 0 && whole % part == 0);
}

/// Whether S chooses the index of a level for it, if need be with a quotient that is off by 2^-22 of itself.
template <quantization_scheme S>
constexpr bool recognizes_levels(bool exactly) {
    for (int i = S::qmin; i <= S::qmax; ++i) {
        float const level = level_of<S>(i);
        auto const index = static_cast<float>(i);
        bool fixed;
        if constexpr (random_rounding_mode<typename S::rounding>) {
            fixed = S::rounding::round(index, 0u) == index && S::rounding::round(index, 0xffffffffu) == index;
        } else {
            fixed = S::rounding::round(index) == index;
        }
        bool const apart = i == S::qmax || (level_of<S>(i + 1) - level) / 2 >
                                               0x1p-21f * (magnitude(level) + magnitude(level_of<S>(i + 1)));
        if (S::grid::position(level) != index || !fixed ||
            !(exactly || (rounds_to_nearest<typename S::rounding> && apart))) {
            return false;
        }
    }
    return true;
}

/// B's scale for a group of extreme `level`, in units of A's scale; 0 where it is none or is not known.
template <quantization_scheme A, quantization_scheme B>
constexpr float scale_ratio(float level) {
    if constexpr (has_power_scales<B>) {
        return has_power_scales<A> ? B::scale_rule::scale({-magnitude(level), magnitude(level), level}, B::low, B::high)
                                   : 0.0f;
    } else if constexpr (anchor<B> == 0.0f) {
        return 0.0f;
    } else if constexpr (std::same_as<typename B::scale_rule, signed_extreme>) {
        return level / anchor<B>;
    } else {
        return magnitude(level) / anchor<B>;
    }
}

/// Whether B's scale is exact for a group of extreme `level`, and B has every level of the group.
template <quantization_scheme A, quantization_scheme B>
constexpr bool keeps_group(float level) {
    using T = typename A::scale_type;
    using U = typename B::scale_type;
    float const ratio = scale_ratio<A, B>(level);
    bool const in_range = (has_wide_exponent<T> && has_wide_exponent<U>) || (std::same_as<T, U> && ratio == 1.0f);
    if (!is_power_of_two(ratio) || scale_bits<A> + bits_added_by(level) > 24 || !in_range) {
        return false;
    }
    for (int i = A::qmin; i <= A::qmax; ++i) {
        float const other = level_of<A>(i);
        if (magnitude(other) <= magnitude(level) && !has_level<B>(other / ratio)) {
            return false;
        }
    }
    return true;
}

template <quantization_scheme S>
inline constexpr bool has_known_parts =
    S::is_symmetric && !is_two_level<typename S::scale_type> && is_one_of<typename S::division, divide, reciprocal> &&
    is_one_of<typename S::zero_group, canonical_zero, zero_as_computed>;

/// Whether the extreme of a group of A that is quantized under B may be `level`.
template <quantization_scheme A, quantization_scheme B>
constexpr bool may_be_extreme(float level) {
    if constexpr (A::storage::rows == B::storage::rows && A::storage::group == B::storage::group && reaches_anchor<A>) {
        bool const sees_sign = std::same_as<typename A::scale_rule, signed_extreme>;
        return magnitude(level) == magnitude(anchor<A>) &&
               (!sees_sign || level == anchor<A> || has_level<A>(-anchor<A>));
    }
    return level != 0.0f;
}

/// The extremes of 32 indices from the Chunk-th 32 on: an evaluation of its own, which the compiler counts the steps
/// of.
template <quantization_scheme A, quantization_scheme B, int Chunk>
inline constexpr bool keeps_groups = [] {
    for (int i = A::qmin + 32 * Chunk; i < A::qmin + 32 * (Chunk + 1) && i <= A::qmax; ++i) {
        float const level = level_of<A>(i);
        bool const is_known = has_power_scales<B> && level < 0 && has_level<A>(-level);  // from the other sign
        if (may_be_extreme<A, B>(level) && !is_known && !keeps_group<A, B>(level)) {
            return false;
        }
    }
    return true;
}();

template <quantization_scheme A, quantization_scheme B, int... Chunks>
constexpr bool keeps_all_groups(std::integer_sequence<int, Chunks...>) {
    return (keeps_groups<A, B, Chunks> && ...);
}

template <quantization_scheme A, quantization_scheme B>
inline constexpr bool is_preserved = [] {
    if constexpr (!has_known_parts<A> || !has_known_parts<B>) {
        return false;
    } else {
        constexpr bool are_parts =
            is_part_of(B::storage::rows, A::storage::rows) && is_part_of(B::storage::group, A::storage::group);
        constexpr bool exact_products = scale_bits<A> + level_bits<A> <= 24;
        constexpr bool exact_quotients =
            exact_products && (std::same_as<typename B::division, divide> || has_power_scales<A>);
        if constexpr (are_parts && precision_of<typename B::scale_type> >= scale_bits<A>) {
            return recognizes_levels<B>(exact_quotients) &&
                   keeps_all_groups<A, B>(std::make_integer_sequence<int, (A::qmax - A::qmin) / 32 + 1>{});
        }
        return false;
    }
}();

}  // namespace detail

/// Whether B reproduces, value for value, every group that A has written: decode_B(encode_B(w)) = w for every
/// w = dequantize(quantize<A>(x)) whose scales and values are 0 or at least 2^-126.
///   true   proved, by exact arithmetic on the levels alone:
///          1. the extreme of a group has a known level L: the one that A's rule divides by, where A rounds to nearest
///             and the rounding of its scale cannot move the extreme to another level; else, or where B's groups are
///             parts of A's, L may be any level of A
///          2. L · s is exact, and B's rule makes of it the scale r · s, r a power of two: B's type holds it exactly
///          3. every level of A up to L is r times a level of B, so its quotient is that level, exactly, or off by
///             2^-22 of itself where B rounds to nearest
///   false  not proved; most often there is a counterexample. So it is for zero points, offsets, two-level scales,
///          scales of few exponents that codes are chosen by, and rules that look at every value
template <quantization_scheme A, quantization_scheme B>
inline constexpr bool preserves = detail::is_preserved<A, B>;

/// Whether quantizing again changes nothing: what was quantized under S may be stored as floats and quantized again.
template <quantization_scheme S>
inline constexpr bool idempotent = preserves<S, S>;

/// Schemes that a program knows by type.
template <quantization_scheme... S>
struct scheme_list {};

/// The same for schemes known at run time: false for one that is not in the list.
template <quantization_scheme... S>
constexpr bool preserves_among(scheme_list<S...>, scheme_info const& a, scheme_info const& b) {
    auto const from = [&]<class A>() { return A::info == a && ((S::info == b && preserves<A, S>) || ...); };
    return (from.template operator()<S>() || ...);
}

}  // namespace nibble
