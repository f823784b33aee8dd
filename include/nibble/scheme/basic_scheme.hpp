// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/scheme/info.hpp>
#include <nibble/scheme/scale.hpp>
#include <nibble/scheme/storage.hpp>

#include <concepts>

namespace nibble {

namespace detail {

template <class Rounding>
inline constexpr int offset_of_rounding = -1;
template <int Offset>
inline constexpr int offset_of_rounding<truncate_after_adding<Offset>> = Offset;

template <class P, class... Known>
inline constexpr bool is_one_of = (std::same_as<P, Known> || ...);

template <class Division>
inline constexpr bool divides = requires(float x) {
    { Division::apply(x, x) } -> std::same_as<float>;
};

template <class ZeroOrder>
inline constexpr bool adds_zero = requires(float x) {
    { ZeroOrder::template index<round_to_nearest_even>(x, x) } -> std::same_as<float>;
};

template <class ZeroGroup>
inline constexpr bool has_least = requires { ZeroGroup::at_least(0.0f); };

template <class ZeroGroup>
inline constexpr bool has_power_of_two_least = true;
template <class ZeroGroup>
    requires has_least<ZeroGroup>
inline constexpr bool has_power_of_two_least<ZeroGroup> = (bits_of(ZeroGroup::at_least(0.0f)) & 0x007fffffu) == 0;

/// The integer that a stored code has more than its index; -1 where that is not constant.
template <class Grid>
inline constexpr int bias_of = -1;
template <int Bits, int Bias, int Lowest, int Highest>
inline constexpr int bias_of<linear_grid<Bits, Bias, Lowest, Highest>> = Bias;

template <class T>
inline constexpr bool is_unsigned_scale = std::same_as<T, e8m0>;
template <int Bits, class Super, std::size_t Groups>
inline constexpr bool is_unsigned_scale<two_level<unsigned_code<Bits>, Super, Groups>> = true;

}  // namespace detail

/// A scheme with every decision in its slot. Users write scheme<…>, which puts policies given in any order here.
template <class Format, class Range, class Granularity, class Symmetry, class Rounding, class ScaleAs, class ScaleRule,
          class CodesFrom, class Division, class ZeroOrder, class ZeroGroup, class Tail, class Gradient>
struct basic_scheme {
    using format = Format;
    using range = Range;
    using granularity = Granularity;
    using symmetry = Symmetry;
    using rounding = Rounding;
    using scale_type = typename ScaleAs::type;
    using scale_rule = ScaleRule;
    using codes_from = CodesFrom;
    using division = Division;
    using zero_order = ZeroOrder;
    using zero_group = ZeroGroup;
    using tail = Tail;
    using gradient = Gradient;
    using storage = nibble::storage<Format, std::conditional_t<std::same_as<Range, mid_rise>, mid_rise, full_range>,
                                    Granularity, Symmetry, scale_type, Tail>;
    using grid = typename storage::grid;

    static constexpr bool is_symmetric = std::same_as<Symmetry, symmetric>;
    /// The indices in use: of integers, the codes, signed for a symmetric scheme, else from 0.
    static constexpr int qmax = grid::highest;
    static constexpr int qmin = std::same_as<Range, narrow_range> ? -qmax : grid::lowest;
    /// The values in use, in units of the scale: low is that of qmin, high that of qmax.
    static constexpr float low = grid::level(grid::code(qmin));
    static constexpr float high = grid::level(grid::code(qmax));

    /// The scheme as a plain value: for printing, comparing, file headers and tables at run time.
    static constexpr scheme_info info{
        .format = format_traits<Format>::name,
        .bits = grid::bits,
        .rows = Granularity::rows,
        .group = Granularity::group,
        .granularity = Granularity::name,
        .range = Range::name,
        .symmetry = Symmetry::name,
        .rounding = Rounding::name,
        .scale_type = ScaleAs::name,
        .scale_rule = ScaleRule::name,
        .codes_from = CodesFrom::name,
        .division = Division::name,
        .zero_order = ZeroOrder::name,
        .zero_group = ZeroGroup::name,
        .tail = Tail::name,
        .gradient = Gradient::name,
    };

    static_assert(is_symmetric || std::same_as<Range, full_range>,
                  "nibble: narrow_range and mid_rise need a symmetric scheme; unsigned codes have no sign to balance");
    static_assert(std::same_as<Range, full_range> || detail::is_integer_format<Format>,
                  "nibble: narrow_range and mid_rise are ranges of bits<N>; other formats have levels of their own");
    static_assert(is_symmetric || detail::is_integer_format<Format>,
                  "nibble: a zero point or an offset goes with bits<N>; other formats are symmetric");
    static_assert(high > 0 || !is_symmetric,
                  "nibble: bits<1> has no positive code in a symmetric scheme; use mid_rise, asymmetric, or bits<2>");
    static_assert(
        is_symmetric || detail::serves_asymmetric<ScaleRule>,
        "nibble: an asymmetric scheme takes its scale from min_max or another rule that fits a zero; rules of "
        "the absolute value need symmetric");
    static_assert(!is_symmetric || detail::serves_symmetric<ScaleRule>,
                  "nibble: min_max needs a place for the zero; use asymmetric or asymmetric_offset");
    static_assert(!std::same_as<scale_type, e8m0> || detail::gives_powers_of_two<ScaleRule>,
                  "nibble: an e8m0 scale needs a power-of-two rule; use power_of_two_above or power_of_two_of_binade");
    static_assert(!detail::is_unsigned_scale<scale_type> || !std::same_as<ScaleRule, signed_extreme>,
                  "nibble: signed_extreme gives scales of either sign; a scale of unsigned_code cannot hold them, use "
                  "signed_code");
    static_assert(!is_two_level<scale_type> || std::same_as<Granularity, per_group<Granularity::group>>,
                  "nibble: a two_level scale is stored once a group; use per_group<N>");
    static_assert(!is_two_level<scale_type> || !std::same_as<Symmetry, asymmetric_middle>,
                  "nibble: asymmetric_middle has offsets of either sign, which a two_level offset does not store; use "
                  "asymmetric_offset");
    static_assert(
        !has_matrix_scale<scale_type> || !storage::has_offset,
        "nibble: the offsets of a whole matrix cannot share a super scale; give two_level a number of groups, or "
        "use asymmetric");
    static_assert(!is_two_level<scale_type> || !detail::has_least<ZeroGroup>,
                  "nibble: a least scale is for scales of one level; leave it out beside two_level");
    static_assert(!std::same_as<scale_type, e8m0> || !storage::has_offset,
                  "nibble: an e8m0 scale has no sign, so it cannot store an offset; use asymmetric, or symmetric");
    static_assert(!std::same_as<scale_type, e8m0> || detail::has_power_of_two_least<ZeroGroup>,
                  "nibble: the least of e8m0 scales has to be a power of two; use at_least_epsilon");
    static_assert(detail::is_one_of<Range, full_range, narrow_range, mid_rise> &&
                      detail::is_one_of<CodesFrom, codes_from_stored, codes_from_unrounded> &&
                      detail::is_one_of<Tail, short_group, zero_padded, reject_tail>,
                  "nibble: range, codes_from and tail are closed decisions; take a policy of the library");
    static_assert(detail::adds_zero<ZeroOrder>,
                  "nibble: a zero order needs `float index<Rounding>(float position, float zero)`; use "
                  "zero_after_rounding, zero_before_rounding, or one that has it");
    static_assert(
        detail::divides<Division>,
        "nibble: a division needs `float apply(float x, float s)`; use divide, reciprocal, or one that has it");
    static_assert(
        !requires { Division::multiplies; } || detail::gives_factor<ScaleRule>,
        "nibble: by_factor needs a rule that gives a factor beside the scale, with `gives_factor = true`; use "
        "divide or reciprocal");
    static_assert(!detail::has_least<ZeroGroup> || !std::same_as<ScaleRule, signed_extreme>,
                  "nibble: signed_extreme gives scales of either sign, which a least scale would make positive; use "
                  "canonical_zero");
    static_assert(std::same_as<Symmetry, asymmetric> || std::same_as<ZeroOrder, zero_after_rounding>,
                  "nibble: zero_before_rounding needs a zero point; use asymmetric");
    static_assert(std::same_as<Tail, short_group> || Granularity::group != 0,
                  "nibble: reject_tail and zero_padded are about groups; a whole row has no ragged last one");
    static_assert(detail::offset_of_rounding<Rounding> < 0 ||
                      detail::offset_of_rounding<Rounding> == detail::bias_of<grid>,
                  "nibble: truncate_after_adding<Offset> needs Offset to be the bias of the codes, 2^(bits - 1) or 0");
};

}  // namespace nibble
