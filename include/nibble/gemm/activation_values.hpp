// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/gemm/gemm.hpp>
#include <nibble/gemm/int8_activations.hpp>
#include <nibble/tensor/backend.hpp>
#include <nibble/tensor/cpu_panel.hpp>
#include <nibble/tensor/matrix.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace nibble {

/// What a product under int8_activations with weights stored as St sees of x: code · scale, each of the segments that
/// activation_segments cuts a row into. A segment that is not finite is NaN.
///   shape   x and result [rows, k]
///   error   |seen − x| <= scale / 2 · (1 + 2^-16), scale the largest magnitude of the segment over 127; all of a
///           segment whose scale is below 2^-126 is 0
template <class St>
matrix<float> int8_activation_values(cpu where, matrix_view<float const> x) {
    using layout = cpu_panel<St>;
    constexpr std::size_t limit = activation_segments<St>::width_limit;
    std::size_t const k = x.columns();
    isa const set = best_isa();
    matrix<float> seen(x.rows(), k);
    where.parallel_for(x.rows(), [&](std::size_t begin, std::size_t end) {
        for (std::size_t row = begin; row < end; ++row) {
            for (std::size_t g = 0; g < layout::groups(k); ++g) {
                std::size_t const width = layout::group_width(g, k);
                for (std::size_t offset = 0; offset < width; offset += limit) {
                    std::size_t const first = g * layout::group + offset;
                    std::size_t const count = (std::min)(limit, width - offset);
                    std::array<std::int8_t, limit> codes;
                    float scale = 0;
                    std::int32_t sum = 0;
                    detail::quantize_segment(set, x.row(row).data() + first, count, codes.data(), scale, sum);
                    for (std::size_t i = 0; i < count; ++i) {
                        seen(row, first + i) = static_cast<float>(codes[i]) * scale;
                    }
                }
            }
        }
    });
    return seen;
}

}  // namespace nibble
