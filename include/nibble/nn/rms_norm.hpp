// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/nn/cpu/kernels.hpp>
#include <nibble/nn/cpu/layer_kernels.hpp>
#include <nibble/numeric/error.hpp>
#include <nibble/numeric/isa.hpp>
#include <nibble/tensor/backend.hpp>
#include <nibble/tensor/matrix.hpp>

#include <cstddef>
#include <span>
#include <string>

namespace nibble {

namespace detail {

inline void normalize_rows(cpu where,
                           void (*kernel)(float const*, std::size_t, std::size_t, float const*, float, float*),
                           char const* function, matrix_view<float const> x, std::span<float const> factor,
                           float epsilon, matrix_view<float> y) {
    if (x.rows() != y.rows() || x.columns() != y.columns() || factor.size() != x.columns()) {
        throw error(std::string(function) + " got x of " + std::to_string(x.rows()) + " x " +
                    std::to_string(x.columns()) + " elements, a result of " + std::to_string(y.rows()) + " x " +
                    std::to_string(y.columns()) + " and " + std::to_string(factor.size()) +
                    " factors; the shapes have to be equal, with one factor a column");
    }
    if (x.columns() == 0) {
        return;
    }
    for_ranges(where, x.rows(), x.columns(), [&](std::size_t begin, std::size_t end) {
        kernel(x.data() + begin * x.columns(), end - begin, x.columns(), factor.data(), epsilon,
               y.data() + begin * x.columns());
    });
}

}  // namespace detail

/// y[r, c] = x[r, c] · (mean_c(x²) + epsilon)^(−1/2) · factor[c]; y may be x. Heads are rows too: q [tokens, heads · D]
/// is a view of [tokens · heads, D].
///   error   relative 2^-24 · 3.01: the root, rounded to float once, and two products. Squares are summed in double, so
///           nothing overflows or vanishes for any finite x.
///   edges   NaN in a row makes the row NaN; infinity makes itself NaN and the rest of the row 0
///   source  Zhang and Sennrich, arXiv:1910.07467; Gemma's factor is 1 + w
/// Throws nibble::error if the shapes disagree.
inline void rms_norm(cpu where, matrix_view<float const> x, std::span<float const> factor, float epsilon,
                     matrix_view<float> y, isa set = best_isa()) {
    detail::normalize_rows(where, detail::layers(set, "rms_norm").rms_norm, "rms_norm", x, factor, epsilon, y);
}

/// h[r, c] = fma(x[r, c] · (mean_c(x²) + epsilon)^(−1/2), factor[c], h[r, c]): the residual stream takes a normalized
/// block. Errors and refusals as rms_norm, its last rounding being that of the sum; h may be x.
inline void add_rms_norm(cpu where, matrix_view<float const> x, std::span<float const> factor, float epsilon,
                         matrix_view<float> h, isa set = best_isa()) {
    detail::normalize_rows(where, detail::layers(set, "add_rms_norm").add_rms_norm, "add_rms_norm", x, factor, epsilon,
                           h);
}

}  // namespace nibble
