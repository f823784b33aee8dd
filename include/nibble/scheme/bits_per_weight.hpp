// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/scheme/compose.hpp>

#include <concepts>

namespace nibble {

/// Stored bits a weight: the code's own and its share of the scale and the zero; where a whole row or tensor shares
/// them, the limit for long rows.  Example: bits_per_weight<scheme<bits<4>, per_group<32>, scale_as<f16>>> == 4.5
template <quantization_scheme S>
inline constexpr double bits_per_weight = [] {
    using St = storage_of<S>;
    if constexpr (St::group == 0) {
        return static_cast<double>(St::bits);
    } else {
        constexpr bool has_zero = !std::same_as<typename St::zero_type, no_zero>;
        constexpr auto bytes = sizeof(typename St::scale_type) + (has_zero ? sizeof(typename St::zero_type) : 0);
        return St::bits + 8.0 * static_cast<double>(bytes) / static_cast<double>(St::group);
    }
}();

}  // namespace nibble
