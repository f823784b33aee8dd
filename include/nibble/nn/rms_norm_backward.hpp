// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/nn/cpu/kernels.hpp>
#include <nibble/nn/cpu/layer_kernels.hpp>
#include <nibble/numeric/error.hpp>
#include <nibble/numeric/isa.hpp>
#include <nibble/tensor/backend.hpp>
#include <nibble/tensor/matrix.hpp>

#include <algorithm>
#include <cstddef>
#include <span>
#include <string>

namespace nibble {

/// The gradient of y = rms_norm(x). With r = (mean_c(x²) + epsilon)^(−1/2), v = x r and g = dy · factor:
///   dx[r, c] = r (g[c] − v[c] mean(g v)),   dfactor[c] += Σ_r dy[r, c] v[r, c]
///   dx      overwritten; it may be dy or x. The same for h += rms_norm(x), where dy is the gradient of h
///   order   means in double, as in rms_norm; dfactor: in double, 64 rows in sequence, then these sums in sequence
///   error   u = 2^-24:  dx: u r (4.01 |g| + 7.01 |v| mean |g v|);  dfactor: u (2.01 Σ |dy v| + |dfactor|)
/// Throws nibble::error if the shapes disagree.
inline void rms_norm_backward(cpu where, matrix_view<float const> x, std::span<float const> factor, float epsilon,
                              matrix_view<float const> dy, matrix_view<float> dx, std::span<float> dfactor,
                              isa set = best_isa()) {
    std::size_t const columns = x.columns();
    if (dy.rows() != x.rows() || dy.columns() != columns || dx.rows() != x.rows() || dx.columns() != columns ||
        factor.size() != columns || dfactor.size() != columns) {
        throw error("rms_norm_backward got x of " + std::to_string(x.rows()) + " x " + std::to_string(columns) +
                    " elements, dy of " + std::to_string(dy.rows()) + " x " + std::to_string(dy.columns()) +
                    ", dx of " + std::to_string(dx.rows()) + " x " + std::to_string(dx.columns()) + ", " +
                    std::to_string(factor.size()) + " factors and " + std::to_string(dfactor.size()) +
                    " of their gradients; the shapes have to be equal, with one factor a column");
    }
    detail::layer_kernels const& kernels = detail::layers(set, "rms_norm_backward");
    if (columns == 0) {
        return;
    }
    constexpr std::size_t rows = 64;
    std::size_t const chunks = (x.rows() + rows - 1) / rows;
    matrix<double> sums(chunks, (columns + 15) / 16 * 16);
    detail::for_ranges(where, chunks, rows * columns, [&](std::size_t begin, std::size_t end) {
        for (std::size_t chunk = begin; chunk < end; ++chunk) {
            std::size_t const first = chunk * rows * columns;
            kernels.rms_norm_backward(x.data() + first, (std::min)(rows, x.rows() - chunk * rows), columns,
                                      factor.data(), epsilon, dy.data() + first, dx.data() + first,
                                      sums.row(chunk).data());
        }
    });
    for (std::size_t chunk = 1; chunk < chunks; ++chunk) {
        for (std::size_t c = 0; c < columns; ++c) {
            sums(0, c) += sums(chunk, c);
        }
    }
    for (std::size_t c = 0; c < columns && chunks != 0; ++c) {
        dfactor[c] = static_cast<float>(static_cast<double>(dfactor[c]) + sums(0, c));
    }
}

}  // namespace nibble
