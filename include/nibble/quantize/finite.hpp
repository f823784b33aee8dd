// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/numeric/error.hpp>
#include <nibble/numeric/float_bits.hpp>
#include <nibble/quantize/group.hpp>
#include <nibble/tensor/matrix.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace nibble::detail {

/// Refuses values that are not finite; `whose` is the function that the error names.
inline void require_finite(matrix_view<float const> x, char const* whose) {
    std::size_t const count = x.rows() * x.columns();
    std::int32_t largest[lanes] = {};  // bits of |x|: those of what is not finite are the largest
    auto const widen = [&](std::size_t lane, float v) {
        auto const size = static_cast<std::int32_t>(bits_of(v) & 0x7fffffffu);
        largest[lane] = size > largest[lane] ? size : largest[lane];
    };
    std::size_t i = 0;
    for (; i + lanes <= count; i += lanes) {
        for_each_lane([&](std::size_t lane) { widen(lane, x.data()[i + lane]); });
    }
    for (; i < count; ++i) {
        widen(0, x.data()[i]);
    }
    if (*std::max_element(largest, largest + lanes) >= 0x7f800000) {
        auto const* const bad = std::find_if(x.data(), x.data() + count, [](float v) { return !std::isfinite(v); });
        auto const at = static_cast<std::size_t>(bad - x.data());
        throw error(std::string(whose) + " needs finite values, but element [" + std::to_string(at / x.columns()) +
                    ", " + std::to_string(at % x.columns()) + "] is " + std::to_string(*bad) +
                    "; mend the tensor, or the step that made it.");
    }
}

/// Values with a stand-in for each that is not finite, so that the range of the rest stays what it is.
inline void finite_part(std::span<float const> x, std::span<float> to) {
    auto const* const first = std::find_if(x.data(), x.data() + x.size(), [](float v) { return std::isfinite(v); });
    float const stand_in = first == x.data() + x.size() ? 0.0f : *first;
    std::transform(x.begin(), x.end(), to.begin(), [&](float v) { return std::isfinite(v) ? v : stand_in; });
}

}  // namespace nibble::detail
