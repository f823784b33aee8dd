// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/scheme/compose.hpp>

#include <cstddef>

namespace nibble {

namespace detail {

/// Bits a group of a scale or zero of type T.
template <class T>
inline constexpr double bits_of_factor = 8.0 * sizeof(T);
template <>
inline constexpr double bits_of_factor<no_zero> = 0;
template <class Fine, class Super, std::size_t Groups>
inline constexpr double bits_of_factor<two_level<Fine, Super, Groups>> =
    static_cast<double>(width_of<Fine>) + (Groups == 0 ? 0.0 : 8.0 * sizeof(Super) / static_cast<double>(Groups));

}  // namespace detail

/// Stored bits a weight: the code's own and its share of the scale and the zero; where a whole row or tensor shares
/// them, the limit for large matrices.  Example: bits_per_weight<scheme<bits<4>, per_group<32>, scale_as<f16>>> == 4.5
template <quantization_scheme S>
inline constexpr double bits_per_weight = [] {
    using St = storage_of<S>;
    if constexpr (St::group == 0 || St::rows == 0) {
        return static_cast<double>(St::bits);
    } else {
        return St::bits +
               (detail::bits_of_factor<typename St::scale_type> + detail::bits_of_factor<typename St::zero_type>) /
                   static_cast<double>(St::group * St::rows);
    }
}();

}  // namespace nibble
