// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/scheme/info.hpp>
#include <nibble/scheme/storage.hpp>

#include <concepts>

namespace nibble {

namespace detail {

template <class Rounding>
inline constexpr int offset_of_rounding = -1;
template <int Offset>
inline constexpr int offset_of_rounding<truncate_after_adding<Offset>> = Offset;

}  // namespace detail

/// A scheme with every decision in its slot. Users write scheme<…>, which puts policies given in any order here.
template <class Format, class Range, class Granularity, class Symmetry, class Rounding, class ScaleAs, class ScaleRule,
          class CodesFrom, class Division, class ZeroGroup, class Tail>
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
    using zero_group = ZeroGroup;
    using tail = Tail;
    using storage = nibble::storage<Format, Granularity, Symmetry, scale_type, Tail>;

    static constexpr bool is_symmetric = std::same_as<Symmetry, symmetric>;
    /// The codes in use: signed for a symmetric scheme, else from 0.
    static constexpr int qmax = is_symmetric ? (1 << (Format::count - 1)) - 1 : (1 << Format::count) - 1;
    static constexpr int qmin = !is_symmetric ? 0 : std::same_as<Range, narrow_range> ? -qmax : -qmax - 1;

    /// The scheme as a plain value: for printing, comparing, file headers and tables at run time.
    static constexpr scheme_info info{
        .bits = Format::count,
        .group = Granularity::group,
        .granularity = detail::name_of<Granularity>(),
        .range = Range::name,
        .symmetry = Symmetry::name,
        .rounding = Rounding::name,
        .scale_type = ScaleAs::name,
        .scale_rule = ScaleRule::name,
        .codes_from = CodesFrom::name,
        .division = Division::name,
        .zero_group = ZeroGroup::name,
        .tail = Tail::name,
    };

    static_assert(is_symmetric || std::same_as<Range, full_range>,
                  "nibble: narrow_range needs a symmetric scheme; unsigned codes have no lowest negative code to drop");
    static_assert(qmax > 0 || !is_symmetric,
                  "nibble: bits<1> has no positive code in a symmetric scheme; use asymmetric, or bits<2>");
    static_assert(
        is_symmetric || std::same_as<ScaleRule, min_max>,
        "nibble: an asymmetric scheme takes its scale from min_max; rules of the absolute value need symmetric");
    static_assert(!is_symmetric || !std::same_as<ScaleRule, min_max>,
                  "nibble: min_max needs a place for the zero; use asymmetric or asymmetric_offset");
    static_assert(!std::same_as<scale_type, e8m0> || std::same_as<ScaleRule, power_of_two_above>,
                  "nibble: an e8m0 scale needs a power-of-two rule; use power_of_two_above");
    static_assert(detail::offset_of_rounding<Rounding> < 0 || detail::offset_of_rounding<Rounding> == storage::bias,
                  "nibble: truncate_after_adding<Offset> needs Offset to be the bias of the codes, 2^(bits - 1) or 0");
};

}  // namespace nibble
