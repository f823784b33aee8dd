// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/numeric/error.hpp>
#include <nibble/quantize/finite.hpp>
#include <nibble/quantize/tile_product.hpp>
#include <nibble/tensor/backend.hpp>
#include <nibble/tensor/matrix.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <string>
#include <vector>

namespace nibble {

/// H = XᵀX of the inputs X of a linear layer, gathered batch by batch: an error d of a row of weights costs
/// d H dᵀ = Σ (x · d)² in the layer's output.
///   shape   X [tokens, columns]; H [columns, columns] in f64, of which the upper half is kept up to date
///   error   products are exact (24 + 24 bits), each sum is that of its terms one by one in the order of the tokens
///   result  the same bits for any number of threads and any split of the tokens into batches
class second_moments {
public:
    second_moments() = default;

    /// Throws nibble::error if the elements are more than memory holds.
    explicit second_moments(std::size_t columns) : sums_(columns, columns) {}

    /// Adds the tokens of x [tokens, columns]. Throws nibble::error, and adds nothing, where the columns are others or
    /// a value is not finite.
    void add(cpu where, matrix_view<float const> x) {
        if (x.columns() != columns()) {
            throw error("second_moments of " + std::to_string(columns()) + " columns got activations of " +
                        std::to_string(x.columns()) + "; give it the inputs of one layer.");
        }
        detail::require_finite(x, "second_moments");
        constexpr std::size_t batch = 128;
        constexpr std::size_t tile = detail::tile;
        std::size_t const tiles = (columns() + tile - 1) / tile;
        matrix<double> packed(tiles, (std::min)(batch, x.rows()) * tile);
        for (std::size_t begin = 0; begin < x.rows(); begin += batch) {
            std::size_t const end = (std::min)(begin + batch, x.rows());
            where.parallel_for(tiles, [&](std::size_t first, std::size_t last) {
                for (std::size_t t = first; t < last; ++t) {
                    detail::pack_columns<float>(x, begin, end, t * tile, packed.row(t).data());
                }
            });
            where.parallel_for(tiles, [&](std::size_t first, std::size_t last) {
                for (std::size_t i = first; i < last; ++i) {
                    for (std::size_t j = i; j < tiles; ++j) {
                        detail::update_tile(sums_, i * tile, j * tile, [&](double* c) {
                            detail::add_tile_product(packed.row(i).data(), packed.row(j).data(), end - begin, c);
                        });
                    }
                }
            });
        }
        tokens_ += x.rows();
    }

    std::size_t columns() const { return sums_.columns(); }
    std::size_t tokens() const { return tokens_; }

    /// Σ x[t, i] · x[t, j] over all tokens t so far.
    double operator()(std::size_t i, std::size_t j) const { return sums_((std::min)(i, j), (std::max)(i, j)); }

private:
    matrix<double> sums_;
    std::size_t tokens_ = 0;
};

/// tr(d H dᵀ) = Σ_t |x_t dᵀ|²: what the outputs of a layer whose weights are off by d cost over the inputs of H.
///   shape   d [n, k], h of k columns
///   result  the same bits for any number of threads
///   cost    n · k² / 2 multiply-adds and 8 n k bytes
/// Throws nibble::error where the columns are others.
inline double output_error(cpu where, second_moments const& h, matrix_view<float const> d) {
    if (d.columns() != h.columns()) {
        throw error("output_error got weights of " + std::to_string(d.columns()) + " columns and moments of " +
                    std::to_string(h.columns()) + "; gather the moments of the inputs of this layer.");
    }
    constexpr std::size_t tile = detail::tile;
    std::size_t const columns = d.columns();
    matrix<double> rows((d.rows() + tile - 1) / tile, columns * tile);  // [tile of rows][column][row]
    for (std::size_t row = 0; row < d.rows(); ++row) {
        for (std::size_t i = 0; i < columns; ++i) {
            rows(row / tile, i * tile + row % tile) = static_cast<double>(d(row, i));
        }
    }
    std::vector<double> sums((columns + tile - 1) / tile);  // Σ over i <= j of d_i H_ij d_j, for each tile of columns j
    where.parallel_for(sums.size(), [&](std::size_t begin, std::size_t end) {
        std::vector<double> factors;
        for (std::size_t t = begin; t < end; ++t) {
            std::size_t const last = (std::min)(columns, (t + 1) * tile);
            factors.assign(last * tile, 0.0);
            for (std::size_t j = t * tile; j < last; ++j) {
                for (std::size_t i = 0; i <= j; ++i) {
                    factors[i * tile + j % tile] = i == j ? h(i, j) / 2 : h(i, j);
                }
            }
            for (std::size_t r = 0; r < rows.rows(); ++r) {
                double c[tile * tile] = {};
                detail::add_tile_product(rows.row(r).data(), factors.data(), last, c);
                for (std::size_t j = t * tile; j < last; ++j) {
                    for (std::size_t lane = 0; lane < tile; ++lane) {
                        sums[t] += c[lane * tile + j % tile] * rows(r, j * tile + lane);
                    }
                }
            }
        }
    });
    return 2 * std::accumulate(sums.begin(), sums.end(), 0.0);
}

}  // namespace nibble
