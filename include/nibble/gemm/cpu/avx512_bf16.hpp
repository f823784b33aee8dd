// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/gemm/bf16_activations.hpp>
#include <nibble/gemm/cpu/avx512.hpp>
#include <nibble/numeric/bf16.hpp>
#include <nibble/numeric/isa.hpp>
#include <nibble/tensor/cpu_panel.hpp>
#include <nibble/tensor/dense_panels.hpp>
#include <nibble/tensor/matrix.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>

#if NIBBLE_X86_KERNELS
#include <immintrin.h>

#include <nibble/gemm/cpu/target_avx512_bf16.inl>

/// Products of pairs of bf16. Codes minus zero are integers of at most 8 bits, so bf16 holds them: a group is
/// multiplied like dense weights and then scaled, and one tile serves every storage.
namespace nibble::avx512_bf16_set {

using namespace avx512_set;

/// bf16(x) but for subnormal numbers, which become 0.
inline void round_row(float const* x, std::size_t count, bf16* to) {
    for (std::size_t c = 0; c < count; c += 16) {
        auto const mask = static_cast<__mmask16>(count - c < 16 ? (1u << (count - c)) - 1u : 0xffffu);
        auto const rounded = reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(_mm512_maskz_loadu_ps(mask, x + c)));
        _mm256_mask_storeu_epi16(to + c, mask, rounded);
    }
}

/// sum + the two products of each lane, the odd column's first.
[[gnu::always_inline]] inline floats dot_pair(floats sum, __m512i w, bf16 const* x) {
    std::int32_t pair;
    std::memcpy(&pair, x, sizeof pair);
    return _mm512_dpbf16_ps(sum, reinterpret_cast<__m512bh>(w), reinterpret_cast<__m512bh>(_mm512_set1_epi32(pair)));
}

template <int Rows, int Panels>
[[gnu::always_inline]] inline void clear(floats (&acc)[Rows][Panels]) {
#pragma GCC unroll 8
    for (int r = 0; r < Rows; ++r) {
#pragma GCC unroll 8
        for (int p = 0; p < Panels; ++p) {
            acc[r][p] = repeat(0.0f);
        }
    }
}

/// acc = fma(scale, Σ x · w, acc) over `columns` columns.
template <int Rows, int Panels>
[[gnu::always_inline]] inline void add_piece(bf16 const* x, std::size_t stride, bf16 const* const (&w)[Panels],
                                             std::size_t columns, float const* const (&scales)[Panels],
                                             floats (&acc)[Rows][Panels]) {
    floats dot[Rows][Panels];
    clear(dot);
    for (std::size_t c = 0; c < columns; c += 2) {
        __m512i pairs[Panels];
#pragma GCC unroll 8
        for (int p = 0; p < Panels; ++p) {
            pairs[p] = _mm512_load_si512(w[p] + c * 16);
        }
#pragma GCC unroll 8
        for (int r = 0; r < Rows; ++r) {
#pragma GCC unroll 8
            for (int p = 0; p < Panels; ++p) {
                dot[r][p] = dot_pair(dot[r][p], pairs[p], x + static_cast<std::size_t>(r) * stride + c);
            }
        }
    }
#pragma GCC unroll 8
    for (int p = 0; p < Panels; ++p) {
        floats const scale = load(scales[p]);
#pragma GCC unroll 8
        for (int r = 0; r < Rows; ++r) {
            acc[r][p] = fused(scale, dot[r][p], acc[r][p]);
        }
    }
}

/// acc = fma(offset, Σ x, acc)
template <int Rows, int Panels>
[[gnu::always_inline]] inline void add_offset(float const* sums, std::size_t stride,
                                              float const* const (&offsets)[Panels], floats (&acc)[Rows][Panels]) {
#pragma GCC unroll 8
    for (int p = 0; p < Panels; ++p) {
        floats const offset = load(offsets[p]);
#pragma GCC unroll 8
        for (int r = 0; r < Rows; ++r) {
            acc[r][p] = fused(offset, repeat(sums[static_cast<std::size_t>(r) * stride]), acc[r][p]);
        }
    }
}

/// 16 rows of weights: [column pair][row][2], and [group][row] scales and offsets.
struct pair_panel {
    bf16 const* pairs;
    float const* scales;
    float const* offsets;  ///< read where the activations have sums
};

/// Every row in tiles of Rows; the last tile reaches back into the one before it, whose bits it computes again.
template <int Rows, int Panels>
inline void tiles(detail::bf16_rows const& x, pair_panel const (&w)[Panels], std::size_t panel, matrix_view<float> y) {
    std::size_t const stride = x.stride;
    for (std::size_t begin = 0; begin < y.rows(); begin += Rows) {
        std::size_t const row = begin + Rows <= y.rows() ? begin : y.rows() - Rows;
        floats acc[Rows][Panels];
        clear(acc);
        for (std::size_t g = 0; g < x.groups; ++g) {
            bf16 const* pairs[Panels];
            float const* scales[Panels];
            float const* offsets[Panels];
#pragma GCC unroll 8
            for (int p = 0; p < Panels; ++p) {
                pairs[p] = w[p].pairs + g * x.group_stride * 16;
                scales[p] = w[p].scales + g * 16;
                offsets[p] = w[p].offsets + g * 16;
            }
            bf16 const* a = x.values.data() + row * stride + g * x.group_stride;
            for (std::size_t left = x.padded_width(g); left != 0;) {
                std::size_t const columns = left < x.piece ? left : x.piece;
                add_piece(a, stride, pairs, columns, scales, acc);
                left -= columns;
                a += columns;
#pragma GCC unroll 8
                for (int p = 0; p < Panels; ++p) {
                    pairs[p] += columns * 16;
                }
            }
            if (!x.sums.empty()) {
                add_offset(x.sums.data() + row * x.groups + g, x.groups, offsets, acc);
            }
        }
        store_tile(acc, row, panel, y);
    }
}

/// At least 2 rows.
template <int Panels>
inline void rows(detail::bf16_rows const& x, pair_panel const (&w)[Panels], std::size_t panel, matrix_view<float> y) {
    if (y.rows() >= float_rows) {
        tiles<float_rows>(x, w, panel, y);
    } else {
        tiles<2>(x, w, panel, y);
    }
}

/// Code minus zero of column I of a quad as float: 2^23 + code is the code below an exponent; zero is 2^23 + zero.
template <int I>
[[gnu::always_inline]] inline __m512i column_of(bytes codes, floats zero) {
    __m512i const code = I == 0 ? codes.v : _mm512_maskz_srli_epi32(all, codes.v, 8 * I);
    __m512i const low = _mm512_and_si512(code, _mm512_set1_epi32(255));
    __m512i const shifted = _mm512_or_si512(low, _mm512_set1_epi32(0x4b000000));
    return _mm512_castps_si512(_mm512_sub_ps(_mm512_castsi512_ps(shifted), zero));
}

/// Columns I and I + 1 of a quad as bf16: the lower half of their floats is 0.
template <int I>
[[gnu::always_inline]] inline __m512i pairs_of(bytes codes, floats zero) {
    return _mm512_or_si512(_mm512_maskz_srli_epi32(all, column_of<I>(codes, zero), 16), column_of<I + 1>(codes, zero));
}

/// What becomes of the decoded pairs of a chunk: memory for many rows, a sum for one.
struct into_memory {
    float* to;

    [[gnu::always_inline]] void take(std::size_t pair, __m512i w) { _mm512_store_si512(to + pair * 16, w); }
};
struct into_sum {
    floats sum;
    bf16 const* x;

    [[gnu::always_inline]] void take(std::size_t pair, __m512i w) { sum = dot_pair(sum, w, x + pair * 2); }
};

template <class St, std::size_t First, class Sink, std::size_t... Q>
[[gnu::always_inline]] inline void decode_quads(std::uint8_t const* chunk, floats zero, Sink& sink,
                                                std::index_sequence<Q...>) {
    ((sink.take(2 * Q, pairs_of<0>(quad_numbers<St, First + Q>(chunk), zero)),
      sink.take(2 * Q + 1, pairs_of<2>(quad_numbers<St, First + Q>(chunk), zero))),
     ...);
}

template <class St>
[[gnu::always_inline]] inline std::uint8_t const* chunk_of(cpu_panel_weights<St> const& w, std::size_t panel,
                                                           std::size_t column) {
    using layout = cpu_panel<St>;
    return w.codes(panel) + column / layout::chunk_columns * layout::chunk_bytes;
}

/// The chunk that padded column `column` begins, or the half of it where a group is half a chunk.
template <class St, class Sink>
[[gnu::always_inline]] inline void decode_piece(std::uint8_t const* chunk, std::size_t column, floats zero,
                                                Sink& sink) {
    using layout = cpu_panel<St>;
    if constexpr (layout::group_stride != 16) {
        decode_quads<St, 0>(chunk, zero, sink, std::make_index_sequence<8>{});
    } else if (column % layout::chunk_columns == 0) {
        decode_quads<St, 0>(chunk, zero, sink, std::make_index_sequence<4>{});
    } else {
        decode_quads<St, 4>(chunk, zero, sink, std::make_index_sequence<4>{});
    }
}

/// Padded columns of group g that hold its columns.
template <class St>
constexpr std::size_t padded_width(std::size_t g, std::size_t k) {
    return cpu_panel<St>::round_up(cpu_panel<St>::group_width(g, k), detail::pair_unit<St>);
}

/// 2^23 + zero of the 16 rows in group g; a float offset is added to the product instead.
template <class St>
[[gnu::always_inline]] inline floats shifted_zeros(cpu_panel_weights<St> const& w, std::size_t panel, std::size_t g) {
    if constexpr (St::has_zero_point) {
        return plus(repeat(8388608.0f), to_floats(load_zeros(w.zeros(panel).values + g * 16)));
    } else {
        return repeat(8388608.0f + static_cast<float>(St::grid::integers.bias));
    }
}

/// The scales of group g, in units of the grid's integers.
template <class St>
[[gnu::always_inline]] inline floats unit_scales(cpu_panel_weights<St> const& w, std::size_t panel, std::size_t g) {
    floats const scale = load_factors(w.scales(panel), g);
    if constexpr (St::grid::integers.unit != 1.0f) {
        return multiply(repeat(St::grid::integers.unit), scale);
    } else {
        return scale;
    }
}

/// Floats of scratch that a panel needs: 16 rows of pairs, scales and offsets.
template <class W>
std::size_t scratch_floats([[maybe_unused]] W const& w) {
    if constexpr (is_dense<W>) {
        return 0;
    } else {
        return W::layout::padded_columns(w.k()) * 8 + w.groups() * 32;
    }
}

template <class St>
inline pair_panel decode(detail::bf16_rows const& x, cpu_panel_weights<St> const& w, std::size_t panel, float* to) {
    float* const scales = to + x.stride * 8;
    float* const offsets = scales + x.groups * 16;
    for (std::size_t g = 0; g < x.groups; ++g) {
        floats const zero = shifted_zeros(w, panel, g);
        for (std::size_t c = 0; c < padded_width<St>(g, w.k()); c += x.piece) {
            std::size_t const column = g * x.group_stride + c;
            into_memory sink{to + column * 8};
            decode_piece<St>(chunk_of(w, panel, column), column, zero, sink);
        }
        store(scales + g * 16, unit_scales(w, panel, g));
        if constexpr (St::has_offset) {
            store(offsets + g * 16, load_factors(w.zeros(panel), g));
        }
    }
    return {reinterpret_cast<bf16 const*>(to), scales, offsets};
}

/// One row: what tiles<1> computes, each weight decoded into a register.
template <class St>
inline void one_row(detail::bf16_rows const& x, cpu_panel_weights<St> const& w, std::size_t panel,
                    matrix_view<float> y) {
    floats acc[1][1];
    clear(acc);
    for (std::size_t g = 0; g < x.groups; ++g) {
        floats const zero = shifted_zeros(w, panel, g);
        floats const scale = unit_scales(w, panel, g);
        for (std::size_t c = 0; c < padded_width<St>(g, w.k()); c += x.piece) {
            std::size_t const column = g * x.group_stride + c;
            std::uint8_t const* const chunk = chunk_of(w, panel, column);
            prefetch_chunk<St>(chunk);
            into_sum sink{repeat(0.0f), x.values.data() + column};
            decode_piece<St>(chunk, column, zero, sink);
            acc[0][0] = fused(scale, sink.sum, acc[0][0]);
        }
        if constexpr (St::has_offset) {
            acc[0][0] = fused(load_factors(w.zeros(panel), g), repeat(x.sums[g]), acc[0][0]);
        }
    }
    store_tile(acc, 0, panel, y);
}

template <int Panels, class St>
inline void columns(detail::bf16_rows const& x, cpu_panel_weights<St> const& w, std::size_t panel, float* scratch,
                    matrix_view<float> y) {
    pair_panel decoded[Panels];
    for (std::size_t p = 0; p < Panels; ++p) {
        decoded[p] = decode(x, w, panel + p, scratch + p * scratch_floats(w));
    }
    rows(x, decoded, panel, y);
}

/// A panel of bf16 weights: one group of scale 1.
inline pair_panel whole(dense_panels<bf16> const& w, std::size_t panel) {
    alignas(64) static constexpr float ones[16] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
    return {w.values(panel), ones, ones};
}

inline void one_row(detail::bf16_rows const& x, dense_panels<bf16> const& w, std::size_t panel, matrix_view<float> y) {
    pair_panel const values[] = {whole(w, panel)};
    tiles<1>(x, values, panel, y);
}

template <int Panels>
inline void columns(detail::bf16_rows const& x, dense_panels<bf16> const& w, std::size_t panel, float*,
                    matrix_view<float> y) {
    pair_panel values[Panels];
    for (std::size_t p = 0; p < Panels; ++p) {
        values[p] = whole(w, panel + p);
    }
    rows(x, values, panel, y);
}

/// The panels [begin, end) and every row; scratch holds scratch_floats(w) for each panel of a tile, from a multiple of
/// 64 bytes on. One row reads the weights panel after panel: one stream of memory is faster than two.
template <class W>
inline void bf16_product(detail::bf16_rows const& x, W const& w, std::size_t begin, std::size_t end, float* scratch,
                         matrix_view<float> y) {
    for (; y.rows() == 1 && begin < end; ++begin) {
        one_row(x, w, begin, y);
    }
    for (; begin + tile_panels <= end; begin += tile_panels) {
        columns<tile_panels>(x, w, begin, scratch, y);
    }
    for (; begin < end; ++begin) {
        columns<1>(x, w, begin, scratch, y);
    }
}

}  // namespace nibble::avx512_bf16_set

#include <nibble/gemm/cpu/target_end.inl>
#endif
