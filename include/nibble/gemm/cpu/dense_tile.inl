// SPDX-License-Identifier: Apache-2.0
// Included once per instruction set, like mainloop.inl; the verbs are load, store, repeat, plus and fused, the
// constants block_rows and block_panels say what fits in registers.

/// sum[r, j] = Σ_q a[q, r] · b[q, j], a chain of fma from 0 in the order of q; c = sum, or c += sum where `add`.
///   shape  a [k][block_rows]; b [panel][k][16]; c rows x columns of the tile, in rows of `stride`
template <std::size_t Panels>
NIBBLE_TILE_INLINE void dense_tile(float const* a, float const* b, std::size_t k, float* c, std::size_t stride,
                                   std::size_t rows, std::size_t columns, bool add) {
    floats sum[block_rows][Panels];
#pragma GCC unroll 16
    for (std::size_t r = 0; r < block_rows; ++r) {
#pragma GCC unroll 2
        for (std::size_t p = 0; p < Panels; ++p) {
            sum[r][p] = repeat(0.0f);
        }
    }
    for (std::size_t q = 0; q < k; ++q) {
        floats right[Panels];
#pragma GCC unroll 2
        for (std::size_t p = 0; p < Panels; ++p) {
            right[p] = load(b + (p * k + q) * 16);
        }
#pragma GCC unroll 16
        for (std::size_t r = 0; r < block_rows; ++r) {
            floats const left = repeat(a[q * block_rows + r]);
#pragma GCC unroll 2
            for (std::size_t p = 0; p < Panels; ++p) {
                sum[r][p] = fused(left, right[p], sum[r][p]);
            }
        }
    }
    if (rows == block_rows && columns == 16 * Panels) {
#pragma GCC unroll 16
        for (std::size_t r = 0; r < block_rows; ++r) {
#pragma GCC unroll 2
            for (std::size_t p = 0; p < Panels; ++p) {
                float* const to = c + r * stride + 16 * p;
                store(to, add ? plus(load(to), sum[r][p]) : sum[r][p]);
            }
        }
        return;
    }
    float edge[block_rows * Panels * 16];
#pragma GCC unroll 16
    for (std::size_t r = 0; r < block_rows; ++r) {
#pragma GCC unroll 2
        for (std::size_t p = 0; p < Panels; ++p) {
            store(edge + (r * Panels + p) * 16, sum[r][p]);
        }
    }
    for (std::size_t r = 0; r < rows; ++r) {
        for (std::size_t j = 0; j < columns; ++j) {
            float const value = edge[r * Panels * 16 + j];
            c[r * stride + j] = add ? c[r * stride + j] + value : value;
        }
    }
}

/// All tiles of c[m, n]: a in slabs of block_rows rows, b in panels of 16 columns, both zero past m and n.
inline void dense_tiles(float const* a, float const* b, std::size_t m, std::size_t n, std::size_t k, float* c,
                        std::size_t stride, bool add) {
    for (std::size_t j = 0; j < n; j += 16 * block_panels) {
        std::size_t const columns = n - j < 16 * block_panels ? n - j : 16 * block_panels;
        for (std::size_t i = 0; i < m; i += block_rows) {
            std::size_t const rows = m - i < block_rows ? m - i : block_rows;
            if (columns <= 16) {
                dense_tile<1>(a + i * k, b + j * k, k, c + i * stride + j, stride, rows, columns, add);
            } else {
                dense_tile<block_panels>(a + i * k, b + j * k, k, c + i * stride + j, stride, rows, columns, add);
            }
        }
    }
}
