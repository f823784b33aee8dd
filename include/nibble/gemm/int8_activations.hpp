// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/tensor/backend.hpp>
#include <nibble/tensor/cpu_panel.hpp>
#include <nibble/tensor/matrix.hpp>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

namespace nibble {

/// Columns that share an activation scale: a weight group cut into pieces of at most 128 columns. 128 * 127 * 255 fits
/// an int32 many times over, so a segment's dot product is exact.
template <class St>
struct activation_segments {
    using layout = cpu_panel<St>;
    static constexpr std::size_t width_limit = 128;
    static_assert(width_limit * 128 * 255 <= static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max()));

    static constexpr std::size_t count(std::size_t k) {
        std::size_t const groups = layout::groups(k);
        return groups == 0
                   ? 0
                   : (groups - 1) * pieces(layout::group_width(0, k)) + pieces(layout::group_width(groups - 1, k));
    }
    static constexpr std::size_t pieces(std::size_t width) { return (width + width_limit - 1) / width_limit; }
};

namespace detail {

/// m rows of int8 codes at the padded columns of a cpu_panel, with a scale and the sum of the codes for each segment.
struct int8_rows {
    std::size_t k = 0;
    std::size_t stride = 0;    ///< codes a row
    std::size_t segments = 0;  ///< scales a row
    std::vector<std::int8_t> codes;
    std::vector<float> scales;
    std::vector<std::int32_t> sums;
};

/// scale = absmax / 127, code = x / scale rounded to nearest, ties to even, within -127 ... 127.
///   a scale below 2^-126   zeros, scale 0
///   NaN or infinity in x   zeros, scale NaN: the row's results are NaN
inline void quantize_segment(float const* x, std::size_t width, std::int8_t* codes, float& scale, std::int32_t& sum) {
    std::uint32_t largest = 0;
    for (std::size_t i = 0; i < width; ++i) {
        largest = std::max(largest, std::bit_cast<std::uint32_t>(x[i]) & 0x7fffffffu);
    }
    scale = 0.0f;
    sum = 0;
    if (largest >= 0x7f800000u) {
        scale = std::numeric_limits<float>::quiet_NaN();
        return;
    }
    float const s = std::bit_cast<float>(largest) / 127.0f;
    if (s < std::numeric_limits<float>::min()) {
        return;
    }
    constexpr float to_integer = 12582912.0f;  // 1.5 * 2^23: adding it leaves no bits for a fraction
    for (std::size_t i = 0; i < width; ++i) {
        float const rounded = (x[i] / s + to_integer) - to_integer;
        auto const code = static_cast<std::int32_t>(std::clamp(rounded, -127.0f, 127.0f));
        codes[i] = static_cast<std::int8_t>(code);
        sum += code;
    }
    scale = s;
}

template <class St>
int8_rows quantize_rows(cpu where, matrix_view<float const> x) {
    using layout = cpu_panel<St>;
    std::size_t const k = x.columns();
    int8_rows result;
    result.k = k;
    result.stride = layout::padded_columns(k);
    result.segments = activation_segments<St>::count(k);
    result.codes.resize(x.rows() * result.stride);
    result.scales.resize(x.rows() * result.segments);
    result.sums.resize(x.rows() * result.segments);
    where.parallel_for(x.rows(), [&](std::size_t begin, std::size_t end) {
        for (std::size_t row = begin; row < end; ++row) {
            std::size_t at = row * result.segments;
            for (std::size_t g = 0; g < layout::groups(k); ++g) {
                std::size_t const width = layout::group_width(g, k);
                for (std::size_t offset = 0; offset < width; offset += activation_segments<St>::width_limit, ++at) {
                    quantize_segment(x.row(row).data() + g * layout::group + offset,
                                     std::min(activation_segments<St>::width_limit, width - offset),
                                     result.codes.data() + row * result.stride + g * layout::group_stride + offset,
                                     result.scales[at], result.sums[at]);
                }
            }
        }
    });
    return result;
}

}  // namespace detail
}  // namespace nibble
