// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/numeric/fma.hpp>
#include <nibble/scheme/format.hpp>
#include <nibble/scheme/granularity.hpp>
#include <nibble/scheme/info.hpp>
#include <nibble/scheme/scale.hpp>
#include <nibble/scheme/symmetry.hpp>

#include <concepts>
#include <cstddef>

namespace nibble {

/// What decoding reads, and nothing else: packed tensors, kernels and files are keyed on this type, so schemes that
/// differ only in rounding, scale rule or gradient share them.
template <class Format, class Granularity, class Symmetry, class ScaleType, class Tail>
struct storage {
    using granularity = Granularity;
    using symmetry = Symmetry;
    using tail = Tail;
    using scale_type = ScaleType;
    using zero_type = typename Symmetry::template zero_type<ScaleType>;

    static constexpr int bits = Format::count;
    static constexpr std::size_t group = Granularity::group;  ///< columns that share a scale; 0: the whole row

    /// Stored code = signed code + bias; 0 where codes are unsigned.
    static constexpr int bias = std::same_as<Symmetry, symmetric> ? 1 << (bits - 1) : 0;

    /// Whether schemes of this value are stored so.
    static constexpr bool stores(scheme_info const& scheme) {
        return scheme.bits == bits && scheme.group == group && scheme.granularity == detail::name_of<Granularity>() &&
               scheme.symmetry == Symmetry::name && scheme.scale_type == scale_type_name<ScaleType> &&
               scheme.tail == Tail::name;
    }

    /// The only definition of what a stored code means.
    ///   symmetric          (code − bias) · s
    ///   asymmetric         (code − z) · s
    ///   asymmetric_offset  fma(code, s, o)
    ///   error   one rounding to f32 at most; exact where s has at most 24 − bits significant bits
    NIBBLE_HD static constexpr float decode(unsigned code, scale_type scale, zero_type zero) {
        auto const s = static_cast<float>(scale);
        if constexpr (std::same_as<Symmetry, symmetric>) {
            return static_cast<float>(static_cast<int>(code) - bias) * s;
        } else if constexpr (std::same_as<Symmetry, asymmetric>) {
            return static_cast<float>(static_cast<int>(code) - static_cast<int>(zero)) * s;
        } else {
            return nibble::fma(static_cast<float>(code), s, static_cast<float>(zero));
        }
    }
};

}  // namespace nibble
