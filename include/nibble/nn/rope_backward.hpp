// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/nn/cpu/kernels.hpp>
#include <nibble/nn/cpu/layer_kernels.hpp>
#include <nibble/nn/rope.hpp>
#include <nibble/numeric/error.hpp>
#include <nibble/numeric/isa.hpp>
#include <nibble/tensor/backend.hpp>
#include <nibble/tensor/matrix.hpp>

#include <algorithm>
#include <cstddef>
#include <functional>
#include <string>
#include <vector>

namespace nibble {

/// The gradient of rotate, in place: each head is rotated back, by the negative angles.
///   dx_i = fma(dy_i, c, dy_j s),  dx_j = fma(dy_j, c, −(dy_i s)),  j = i + D / 2
///   shape   dx [texts · count(), heads · D]: row t is at position t mod count() of its text
///   error   that of rotate
/// Throws nibble::error if the rows of dx are not whole texts of count() positions, or not whole heads.
inline void rotate_backward(cpu where, matrix_view<float> dx, rotation const& angles, isa set = best_isa()) {
    std::size_t const dim = angles.head_dim();
    std::size_t const tokens = angles.count();
    if ((tokens == 0 ? dx.rows() != 0 : dx.rows() % tokens != 0) ||
        (dim == 0 ? dx.columns() != 0 : dx.columns() % dim != 0)) {
        throw error("rotate_backward got a gradient of " + std::to_string(dx.rows()) + " x " +
                    std::to_string(dx.columns()) + " elements and angles of " + std::to_string(tokens) +
                    " positions for heads of " + std::to_string(dim) +
                    "; the rows are whole texts of so many positions and hold whole heads");
    }
    detail::layer_kernels const& kernels = detail::layers(set, "rotate_backward");
    if (dx.columns() == 0) {
        return;
    }
    detail::for_ranges(where, dx.rows(), dx.columns(), [&](std::size_t begin, std::size_t end) {
        std::vector<float> sines(dim / 2);
        for (std::size_t row = begin; row < end; ++row) {
            auto const forward = angles.sines(row % tokens);
            std::transform(forward.begin(), forward.end(), sines.begin(), std::negate<>{});
            kernels.rotate(dx.row(row).data(), dx.columns() / dim, dim, angles.cosines(row % tokens).data(),
                           sines.data());
        }
    });
}

}  // namespace nibble
