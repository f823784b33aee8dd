// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/gemm/cpu/dense_kernels.hpp>
#include <nibble/gemm/gemm.hpp>  // overlap
#include <nibble/numeric/error.hpp>
#include <nibble/numeric/isa.hpp>
#include <nibble/tensor/backend.hpp>
#include <nibble/tensor/matrix.hpp>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <string>

#if defined(NIBBLE_CBLAS)
#include <cblas.h>

#include <limits>
#endif

namespace nibble {

/// How a factor enters a product.
enum class operand : bool { as_is, transposed };

namespace detail {

/// A factor: k values for each row of c (a) or column of c (b), its `lines`, in memory [k][line] or [line][k].
struct dense_factor {
    float const* data;
    std::size_t stride;  ///< from one row in memory to the next
    bool k_is_row;

    dense_factor from(std::size_t line, std::size_t p) const {
        return {data + (k_is_row ? p * stride + line : line * stride + p), stride, k_is_row};
    }
};

/// to[p][i] = value p of line i, for i < lines and p < k; zero for lines <= i < width.
inline void pack_slab(dense_factor x, std::size_t lines, std::size_t k, std::size_t width, float* to) {
    if (lines < width) {
        std::fill_n(to, k * width, 0.0f);
    }
    if (x.k_is_row) {
        for (std::size_t p = 0; p < k; ++p) {
            std::memcpy(to + p * width, x.data + p * x.stride, lines * sizeof(float));
        }
        return;
    }
    std::size_t i = 0;
    for (; i + 2 <= lines; i += 2) {  // two at a time: half the stores
        float const* const even = x.data + i * x.stride;
        float const* const odd = even + x.stride;
        for (std::size_t p = 0; p < k; ++p) {
            float const both[2] = {even[p], odd[p]};
            std::memcpy(to + p * width + i, both, sizeof both);
        }
    }
    for (std::size_t p = 0; i < lines && p < k; ++p) {
        to[p * width + i] = x.data[i * x.stride + p];
    }
}

#if defined(NIBBLE_CBLAS)

/// One call of CBLAS a tile of c, so that the sizes it sees, and with them the bits, do not depend on threads.
inline void multiply_dense(cpu where, std::size_t m, std::size_t n, std::size_t k, dense_factor a, dense_factor b,
                           float* c, std::size_t stride, bool add, isa) {
    constexpr std::size_t tile = 512;
    if ((std::max)({m, n, k, a.stride, b.stride, stride}) > std::size_t{(std::numeric_limits<int>::max)()}) {
        throw error("dense_product got sizes beyond 2^31, which CBLAS cannot count; build without NIBBLE_CBLAS");
    }
    auto const to_int = [](std::size_t x) { return static_cast<int>(x); };
    std::size_t const across = (n + tile - 1) / tile;
    where.parallel_for((m + tile - 1) / tile * across, [&](std::size_t begin, std::size_t end) {
        for (std::size_t t = begin; t < end; ++t) {
            std::size_t const row = t / across * tile;
            std::size_t const column = t % across * tile;
            cblas_sgemm(CblasRowMajor, a.k_is_row ? CblasTrans : CblasNoTrans, b.k_is_row ? CblasNoTrans : CblasTrans,
                        to_int((std::min)(tile, m - row)), to_int((std::min)(tile, n - column)), to_int(k), 1.0f,
                        a.from(row, 0).data, to_int(a.stride), b.from(column, 0).data, to_int(b.stride),
                        add ? 1.0f : 0.0f, c + row * stride + column, to_int(stride));
        }
    });
}

#else

/// dense_product of blocks in larger matrices: pieces of both factors are packed once for all threads, small enough to
/// stay in their caches, and multiplied tile by tile.
inline void multiply_dense(cpu where, std::size_t m, std::size_t n, std::size_t k, dense_factor a, dense_factor b,
                           float* c, std::size_t stride, bool add, isa set) {
    constexpr std::size_t depth = 256;  // of a piece: the segments of dense_product
    constexpr std::size_t panel = 16;
    constexpr std::size_t wide = 64 * panel;   // columns of a piece
    constexpr std::size_t broad = 16 * panel;  // columns of a tile: with its slabs within 512 KiB
    dense_kernel const kernel = dense_kernel_of(set);
    std::size_t const tall = 80 * kernel.rows;  // rows of a piece
    std::size_t const high = 4 * kernel.rows;   // rows of a tile
    auto const pieces = [](std::size_t count, std::size_t width) { return (count + width - 1) / width; };

    struct alignas(64) line {
        float lane[panel];
    };
    std::size_t const left_floats = pieces((std::min)(m, tall), kernel.rows) * kernel.rows * (std::min)(k, depth);
    std::size_t const right_lines = pieces((std::min)(n, wide), panel) * (std::min)(k, depth);
    auto const scratch =
        allocate([&] { return std::make_unique_for_overwrite<line[]>(right_lines + pieces(left_floats, panel)); },
                 [] { return "the packed factors of a dense product"; });
    float* const right = reinterpret_cast<float*>(scratch.get());
    float* const left = right + right_lines * panel;

    for (std::size_t row = 0; row < m; row += tall) {
        for (std::size_t column = 0; column < n; column += wide) {
            for (std::size_t first = 0; first < k; first += depth) {
                std::size_t const rows = (std::min)(tall, m - row);
                std::size_t const columns = (std::min)(wide, n - column);
                std::size_t const some = (std::min)(depth, k - first);
                std::size_t const slabs = pieces(rows, kernel.rows);
                where.parallel_for(slabs + pieces(columns, panel), [&](std::size_t begin, std::size_t end) {
                    for (std::size_t s = begin; s < end; ++s) {
                        if (s < slabs) {
                            std::size_t const i = s * kernel.rows;
                            pack_slab(a.from(row + i, first), (std::min)(kernel.rows, rows - i), some, kernel.rows,
                                      left + i * some);
                        } else {
                            std::size_t const j = (s - slabs) * panel;
                            pack_slab(b.from(column + j, first), (std::min)(panel, columns - j), some, panel,
                                      right + j * some);
                        }
                    }
                });
                std::size_t const across = pieces(columns, broad);
                where.parallel_for(pieces(rows, high) * across, [&](std::size_t begin, std::size_t end) {
                    for (std::size_t t = begin; t < end; ++t) {
                        std::size_t const i = t / across * high;
                        std::size_t const j = t % across * broad;
                        kernel.tiles(left + i * some, right + j * some, (std::min)(high, rows - i),
                                     (std::min)(broad, columns - j), some, c + (row + i) * stride + column + j, stride,
                                     add || first != 0);
                    }
                });
            }
        }
    }
}

#endif

/// dense_product of row-major blocks with rows of lda, ldb and ldc floats, on the calling thread. Checks nothing.
inline void multiply_block(bool transpose_a, bool transpose_b, std::size_t m, std::size_t n, std::size_t k,
                           float const* a, std::size_t lda, float const* b, std::size_t ldb, float* c, std::size_t ldc,
                           bool add, isa set = best_isa(), cpu where = {}) {
    for (std::size_t i = 0; k == 0 && !add && i < m; ++i) {
        std::fill_n(c + i * ldc, n, 0.0f);
    }
    if (m != 0 && n != 0 && k != 0) {
        multiply_dense(where, m, n, k, {a, lda, transpose_a}, {b, ldb, !transpose_b}, c, ldc, add, set);
    }
}

}  // namespace detail

/// c[m, n] = op(a) · op(b), or c += op(a) · op(b) where `add`; op(a) is [m, k], op(b) is [k, n].
///   order  k in segments of 256, in each a chain acc = fma(a, b, acc) from 0; the segments' sums are added in
///          sequence, to c first where `add`. So the bits depend neither on threads and instruction set nor on the
///          other rows and columns.
///   error  γ(r) · (Σ |a · b| + |c| where `add`) + k · 2^-149, r = min(k, 256) + ⌈k / 256⌉,
///          γ(r) = r · 2^-24 / (1 − r · 2^-24)
///   memory at most 2 MiB of packed factors
/// With NIBBLE_CBLAS defined (throughout a program; CMake: NIBBLE_BLAS=ON) tiles of 512 x 512 go to CBLAS. Order and
/// bits are then its own, the same for any number of threads of `where`, as long as CBLAS starts none: OpenBLAS's bits
/// depend on the number of its own threads, so take its serial build or set OPENBLAS_NUM_THREADS=1.
///
/// Throws nibble::error if shapes disagree, c lies in a or b, the machine lacks the instruction set, or memory runs
/// out; c is as it was then.
inline void dense_product(cpu where, matrix_view<float const> a, operand op_a, matrix_view<float const> b, operand op_b,
                          matrix_view<float> c, bool add = false, isa set = best_isa()) {
    bool const transpose_a = op_a == operand::transposed;
    bool const transpose_b = op_b == operand::transposed;
    std::size_t const m = transpose_a ? a.columns() : a.rows();
    std::size_t const k = transpose_a ? a.rows() : a.columns();
    std::size_t const n = transpose_b ? b.rows() : b.columns();
    std::size_t const k_of_b = transpose_b ? b.columns() : b.rows();
    if (k != k_of_b || c.rows() != m || c.columns() != n) {
        throw error("dense_product got factors of " + std::to_string(m) + " x " + std::to_string(k) + " and " +
                    std::to_string(k_of_b) + " x " + std::to_string(n) + " (as they enter) and a result of " +
                    std::to_string(c.rows()) + " x " + std::to_string(c.columns()) +
                    "; they have to be m x k, k x n and m x n");
    }
    if (!supports(set)) {
        throw error("dense_product was asked for an instruction set that this machine lacks; leave the choice to "
                    "best_isa()");
    }
    if (detail::overlap(a, c) || detail::overlap(b, c)) {
        throw error("dense_product got a result that shares memory with a factor; give it a matrix of its own");
    }
    detail::multiply_block(transpose_a, transpose_b, m, n, k, a.data(), a.columns(), b.data(), b.columns(), c.data(), n,
                           add, set, where);
}

}  // namespace nibble
