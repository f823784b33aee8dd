// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/numeric/error.hpp>
#include <nibble/quantize/cholesky.hpp>
#include <nibble/quantize/second_moments.hpp>
#include <nibble/tensor/backend.hpp>
#include <nibble/tensor/matrix.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace nibble {

struct feedback_options {
    /// What is added to each moment of a column with itself, as a share of their mean over the columns in use.
    double damping = 0.01;
    /// Columns of larger moments first, so that their errors find more columns to go to; else from left to right.
    bool order_by_diagonal = false;
};

/// How the errors of columns done bear on those to come, for every layer with the inputs of H. With
/// H + λ I = U D Uᵀ, U upper triangular with a unit diagonal and rows and columns in the order of elimination, the
/// values of the columns j to come that cost least in d H dᵀ are, for errors d = q − w of the columns i done,
///   v[j] = w[j] − z[j],   z[j] = Σ_i d[i] U[i, j] − Σ_i' z[i'] U[i', j],  i' to come and before j
///   dead    a column that was 0 in all inputs takes part with no other
///   result  the same bits for any number of threads
///   cost    n³ / 6 multiply-adds and 8 n² bytes for n columns
///   source  Chee et al., "QuIP", arXiv:2307.13304, which needs no inverse of the moments
class feedback {
public:
    /// Throws nibble::error where h has seen no token, the damping is not a finite number >= 0, or does not suffice to
    /// make h positive definite.
    feedback(cpu where, second_moments const& h, feedback_options const& options = {})
        : order_(h.columns()), u_(h.columns(), h.columns()), left_to_right_(!options.order_by_diagonal) {
        if (!(options.damping >= 0) || std::isinf(options.damping)) {
            throw error("feedback got a damping of " + std::to_string(options.damping) +
                        "; it needs a finite number that is not negative, 0.01 for example.");
        }
        if (columns() == 0) {
            return;
        }
        if (h.tokens() == 0) {
            throw error("feedback got the moments of no token; add the inputs that the layer gets from calibration "
                        "text.");
        }
        std::iota(order_.begin(), order_.end(), std::size_t{0});
        if (options.order_by_diagonal) {
            std::sort(order_.begin(), order_.end(),
                      [&](std::size_t a, std::size_t b) { return h(a, a) != h(b, b) ? h(a, a) > h(b, b) : a < b; });
        }
        set_damped(where, h, options.damping);
        if (std::size_t const done = cholesky(where, u_); done != columns()) {
            throw error("The moments of " + std::to_string(h.tokens()) + " tokens do not tell the " +
                        std::to_string(columns()) + " columns of a layer apart (column " +
                        std::to_string(order_[columns() - 1 - done]) + " follows from others) with a damping of " +
                        std::to_string(options.damping) + "; raise it, 0.01 is usual, or add tokens.");
        }
        set_unit_upper(where);
    }

    std::size_t columns() const { return order_.size(); }
    std::span<std::size_t const> order() const { return order_; }  ///< order()[position] = column
    bool left_to_right() const { return left_to_right_; }
    matrix_view<double const> u() const { return u_; }  ///< above the diagonal

private:
    /// u = H + λ I with rows and columns in reverse: its Cholesky factor is the one that is upper triangular on the
    /// left.
    void set_damped(cpu where, second_moments const& h, double damping) {
        std::size_t const n = columns();
        double trace = 0;
        std::size_t live = 0;
        for (std::size_t i = 0; i < n; ++i) {
            trace += h(i, i);
            live += h(i, i) > 0 ? 1u : 0u;
        }
        double const mean = live == 0 ? 1.0 : trace / static_cast<double>(live);
        where.parallel_for(n, [&](std::size_t begin, std::size_t end) {
            for (std::size_t i = begin; i < end; ++i) {
                std::size_t const row = order_[n - 1 - i];
                for (std::size_t j = i; j < n; ++j) {
                    u_(i, j) = h(row, order_[n - 1 - j]);
                }
                u_(i, i) = u_(i, i) > 0 ? u_(i, i) + damping * mean : mean;
            }
        });
    }

    /// u = U of the factor √D Uᵀ, which is in reverse.
    void set_unit_upper(cpu where) {
        std::size_t const n = columns();
        where.parallel_for(n, [&](std::size_t begin, std::size_t end) {
            for (std::size_t i = begin; i < end; ++i) {
                double const pivot = u_(i, i);
                for (std::size_t j = i + 1; j < n; ++j) {
                    u_(i, j) /= pivot;
                }
            }
        });
        where.parallel_for(n, [&](std::size_t begin, std::size_t end) {
            for (std::size_t i = begin; i < end; ++i) {
                for (std::size_t j = i; i + j + 1 < n; ++j) {
                    std::swap(u_(i, j), u_(n - 1 - j, n - 1 - i));
                }
            }
        });
    }

    std::vector<std::size_t> order_;
    matrix<double> u_;
    bool left_to_right_;
};

}  // namespace nibble
