// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/gemm/gemm.hpp>
#include <nibble/gemm/int8_activations.hpp>
#include <nibble/tensor/backend.hpp>
#include <nibble/tensor/matrix.hpp>

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
    using segments = activation_segments<St>;
    isa const set = best_isa();
    matrix<float> seen(x.rows(), x.columns());
    where.parallel_for(x.rows(), [&](std::size_t begin, std::size_t end) {
        for (std::size_t row = begin; row < end; ++row) {
            segments::for_each(x.columns(), [&](std::size_t first, std::size_t, std::size_t width) {
                std::array<std::int8_t, segments::width_limit> codes;
                float scale = 0;
                std::int32_t sum = 0;
                detail::quantize_segment(set, x.row(row).data() + first, width, codes.data(), scale, sum);
                for (std::size_t i = 0; i < width; ++i) {
                    seen(row, first + i) = static_cast<float>(codes[i]) * scale;
                }
            });
        }
    });
    return seen;
}

}  // namespace nibble
