// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/tensor/matrix.hpp>

#include <algorithm>
#include <cstddef>
#include <cstring>

namespace nibble::detail {

/// Dense products in f64 go by square tiles of this many rows and columns.
inline constexpr std::size_t tile = 8;

/// c[i, j] += Σ_p a[p, i] · b[p, j], the terms added one by one in the order of p.
///   shape   a, b [count, 8]; c [8, 8]
inline void add_tile_product(double const* a, double const* b, std::size_t count, double* c) {
    constexpr std::size_t half = tile / 2;  // what registers hold
    for (std::size_t first = 0; first < tile; first += half) {
        double sum[half][tile];
        std::memcpy(sum, c + first * tile, sizeof sum);
        double const* left = a + first;
        double const* right = b;
        for (std::size_t p = 0; p < count; ++p, left += tile, right += tile) {
#pragma GCC unroll 8
            for (std::size_t i = 0; i < half; ++i) {
#pragma GCC unroll 8
                for (std::size_t j = 0; j < tile; ++j) {
                    sum[i][j] += left[i] * right[j];
                }
            }
        }
        std::memcpy(c + first * tile, sum, sizeof sum);
    }
}

/// to[p] = columns [first, first + 8) of row begin + p of x, zero where x has no such column, for rows [begin, end).
template <class T>
void pack_columns(matrix_view<T const> x, std::size_t begin, std::size_t end, std::size_t first, double* to) {
    std::size_t const count = (std::min)(tile, x.columns() - first);
    for (std::size_t row = begin; row < end; ++row, to += tile) {
        T const* const from = x.row(row).data() + first;
        for (std::size_t i = 0; i < count; ++i) {
            to[i] = static_cast<double>(from[i]);
        }
        std::fill(to + count, to + tile, 0.0);
    }
}

/// c(t) for the tile t of x that begins at [row, column]; what lies beyond the last row or column of x is zero before
/// and dropped after.
template <class F>
void update_tile(matrix_view<double> x, std::size_t row, std::size_t column, F&& f) {
    std::size_t const rows = (std::min)(tile, x.rows() - row);
    std::size_t const columns = (std::min)(tile, x.columns() - column);
    double c[tile * tile] = {};
    for (std::size_t i = 0; i < rows; ++i) {
        std::copy_n(x.row(row + i).data() + column, columns, c + i * tile);
    }
    f(static_cast<double*>(c));
    for (std::size_t i = 0; i < rows; ++i) {
        std::copy_n(c + i * tile, columns, x.row(row + i).data() + column);
    }
}

/// y[i] += factor · x[i] for i < count
inline void add_multiple(double factor, double const* x, std::size_t count, double* y) {
    std::size_t i = 0;
    for (; i + tile <= count; i += tile) {
        double some[tile];
        std::memcpy(some, y + i, sizeof some);
#pragma GCC unroll 8
        for (std::size_t lane = 0; lane < tile; ++lane) {
            some[lane] += factor * x[i + lane];
        }
        std::memcpy(y + i, some, sizeof some);
    }
    for (; i < count; ++i) {
        y[i] += factor * x[i];
    }
}

}  // namespace nibble::detail
