// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/numeric/error.hpp>
#include <nibble/quantize/tile_product.hpp>
#include <nibble/tensor/backend.hpp>
#include <nibble/tensor/matrix.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>

namespace nibble {

namespace detail {

/// Rows that are eliminated together.
inline constexpr std::size_t cholesky_block = 8 * tile;

/// Factors the symmetric block [begin, end) on the diagonal of a; returns the first row without a positive pivot, or
/// end.
inline std::size_t factor_diagonal_block(matrix_view<double> a, std::size_t begin, std::size_t end) {
    for (std::size_t p = begin; p < end; ++p) {
        double* const pivot_row = a.row(p).data();
        if (!(pivot_row[p] > 0.0) || std::isinf(pivot_row[p])) {
            return p;
        }
        double const pivot = std::sqrt(pivot_row[p]);
        pivot_row[p] = pivot;
        for (std::size_t j = p + 1; j < end; ++j) {
            pivot_row[j] /= pivot;
        }
        for (std::size_t i = p + 1; i < end; ++i) {
            add_multiple(-pivot_row[i], pivot_row + i, end - i, a.row(i).data() + i);
        }
    }
    return end;
}

/// x = R⁻ᵀ x for 8 columns x [end − begin, 8], R the factored block [begin, end) of a.
inline void solve_columns(matrix_view<double const> a, std::size_t begin, std::size_t end, double* x) {
    for (std::size_t p = begin; p < end; ++p) {
        double* const row = x + (p - begin) * tile;
        for (std::size_t lane = 0; lane < tile; ++lane) {
            row[lane] /= a(p, p);
        }
        for (std::size_t i = p + 1; i < end; ++i) {
            add_multiple(-a(p, i), row, tile, x + (i - begin) * tile);
        }
    }
}

}  // namespace detail

/// The Cholesky factor of a symmetric positive definite matrix, in its place:  a = RᵀR, R upper triangular.
///   shape   a [n, n]; reads the diagonal and what is above it; what is below has no meaning, before and after
///   returns how many rows were factored: n, or the index of the first pivot that is not positive (or not
///           finite): a is not positive definite to working precision then, and its elements are of no use
///   error   RᵀR = a + e,  |e_ij| <= (n + 1) 2^-53 / (1 − 2 (n + 1) 2^-53) · sqrt(a_ii a_jj)
///   result  the same bits for any number of threads
///   cost    n³ / 6 multiply-adds
///   source  Golub and Van Loan, "Matrix Computations", 4.2; the error: Higham, "Accuracy and Stability of Numerical
///           Algorithms", theorem 10.3
/// Throws nibble::error where a is not square.
inline std::size_t cholesky(cpu where, matrix_view<double> a) {
    std::size_t const n = a.rows();
    if (a.columns() != n) {
        throw error("cholesky got a matrix of " + std::to_string(n) + " x " + std::to_string(a.columns()) +
                    " elements; it needs as many columns as rows.");
    }
    constexpr std::size_t block = detail::cholesky_block;
    constexpr std::size_t tile = detail::tile;
    matrix<double> panel((n + tile - 1) / tile, block * tile);  // the block's rows of R, a tile of columns a row
    for (std::size_t begin = 0; begin < n; begin += block) {
        std::size_t const end = (std::min)(begin + block, n);
        if (std::size_t const done = detail::factor_diagonal_block(a, begin, end); done != end) {
            return done;
        }
        std::size_t const tiles = (n - end + tile - 1) / tile;
        where.parallel_for(tiles, [&](std::size_t first, std::size_t last) {
            for (std::size_t t = first; t < last; ++t) {
                double* const columns = panel.row(t).data();
                std::size_t const at = end + t * tile;
                detail::pack_columns<double>(a, begin, end, at, columns);
                detail::solve_columns(a, begin, end, columns);
                for (std::size_t p = begin; p < end; ++p) {
                    std::copy_n(columns + (p - begin) * tile, (std::min)(tile, n - at), a.row(p).data() + at);
                }
            }
        });
        where.parallel_for(tiles, [&](std::size_t first, std::size_t last) {
            for (std::size_t i = first; i < last; ++i) {
                for (std::size_t j = i; j < tiles; ++j) {
                    detail::update_tile(a, end + i * tile, end + j * tile, [&](double* c) {
                        std::transform(c, c + tile * tile, c, std::negate<>{});
                        detail::add_tile_product(panel.row(i).data(), panel.row(j).data(), end - begin, c);
                        std::transform(c, c + tile * tile, c, std::negate<>{});
                    });
                }
            }
        });
    }
    return n;
}

}  // namespace nibble
