// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/numeric/fma.hpp>
#include <nibble/scheme/format.hpp>
#include <nibble/scheme/granularity.hpp>
#include <nibble/scheme/info.hpp>
#include <nibble/scheme/scale_type.hpp>
#include <nibble/scheme/symmetry.hpp>

#include <concepts>
#include <cstddef>
#include <string_view>
#include <type_traits>

namespace nibble {

/// What decoding reads, and nothing else: packed tensors, kernels and files are keyed on this type, so schemes that
/// differ only in rounding, scale rule or gradient share them.
template <class Format, class Range, class Granularity, class Symmetry, class ScaleType, class Tail>
struct storage {
    using granularity = Granularity;
    using symmetry = Symmetry;
    using tail = Tail;
    using scale_type = ScaleType;
    using zero_type = typename Symmetry::template zero_type<ScaleType>;
    using grid = typename detail::grid_of<Format, Range, Symmetry::is_signed>::type;

    static constexpr int bits = grid::bits;
    static constexpr std::size_t rows = Granularity::rows;    ///< that share a scale; 0: all
    static constexpr std::size_t group = Granularity::group;  ///< columns that share a scale; 0: all

    /// Columns of a whole block: of a group, or of the groups that share a super scale; 0: there are no blocks.
    static constexpr std::size_t block = [] {
        if constexpr (is_two_level<ScaleType>) {
            return group * (ScaleType::groups == 0 ? 1 : ScaleType::groups);
        } else {
            return group;
        }
    }();

    static constexpr bool has_zero = !std::is_empty_v<zero_type>;
    static constexpr bool has_zero_point = std::same_as<Symmetry, asymmetric>;
    static constexpr bool has_offset = has_zero && !has_zero_point;

    /// Whether schemes of this value are stored so.
    static constexpr bool stores(scheme_info const& scheme) {
        bool const same_values = std::same_as<Range, mid_rise> == (scheme.range == mid_rise::name);
        return scheme.format == format_traits<Format>::name && scheme.bits == bits && same_values &&
               scheme.rows == rows && scheme.group == group && scheme.granularity == Granularity::name &&
               scheme.symmetry == Symmetry::name && scheme.scale_type == scale_type_name<ScaleType> &&
               scheme.tail == Tail::name;
    }

    /// The only definition of what a stored code means.
    ///   symmetric                             level(code) · s
    ///   asymmetric                            (code − z) · s
    ///   asymmetric_offset, asymmetric_middle  fma(level(code), s, o)
    ///   error   one rounding to f32 at most; exact where s has at most 24 − bits significant bits
    NIBBLE_HD static constexpr float decode(unsigned code, scale_type scale, zero_type zero) {
        auto const s = static_cast<float>(scale);
        if constexpr (has_offset) {
            return nibble::fma(grid::level(code), s, static_cast<float>(zero));
        } else if constexpr (has_zero_point) {
            return static_cast<float>(static_cast<int>(code) - static_cast<int>(zero)) * s;
        } else {
            return grid::level(code) * s;
        }
    }
};

}  // namespace nibble
