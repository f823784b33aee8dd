// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/gemm/bf16_activations.hpp>
#include <nibble/gemm/cpu/avx2.hpp>
#include <nibble/gemm/cpu/avx512.hpp>
#include <nibble/gemm/cpu/avx512_bf16.hpp>
#include <nibble/gemm/cpu/scalar.hpp>
#include <nibble/gemm/epilogue.hpp>
#include <nibble/gemm/int8_activations.hpp>
#include <nibble/numeric/bf16.hpp>
#include <nibble/numeric/error.hpp>
#include <nibble/numeric/isa.hpp>
#include <nibble/tensor/any_weight.hpp>
#include <nibble/tensor/backend.hpp>
#include <nibble/tensor/matrix.hpp>
#include <nibble/tensor/packed_matrix.hpp>
#include <nibble/tensor/rounded.hpp>

#include <algorithm>
#include <compare>
#include <cstddef>
#include <string>
#include <type_traits>
#include <variant>
#include <vector>

namespace nibble {

/// Activations as they are: y = Σ fma(x, w_hat, acc) in four chains by column mod 4, then (a0 + a1) + (a2 + a3).
struct f32_activations {};

/// Activations rounded to bf16 first (nearest, ties to even), x from here on. Two families of kernels:
///   isa::avx512_bf16, weights packed or bf16: acc = fma(scale, D, acc) for the pieces of at most 32 columns of each
///     group in sequence, D = Σ x · w with w = code − zero, which bf16 holds. D adds pair after pair of columns, in it
///     the odd column and then the even one, a rounding each (vdpbf16ps). After a group with a float offset
///     acc = fma(offset, Σx, acc), Σx of the group in sequence. bf16 weights: w the weight, scale 1, one group.
///   all others: as f32_activations.
/// y is within γ(r) · Σ |x| · (scale · |w| + |offset|) + 2^-126 · Σ (|x| + scale · (|w| + 1) + |offset| + 1) of the
/// exact value, γ(r) = r · 2^-24 / (1 − r · 2^-24), so two families differ by at most the sum of both; r is
///   first family  32 + pieces; with offsets the larger of 32 and the group's width, + pieces + groups
///   second        k / 4 rounded up, + 3
/// The term in 2^-126: vdpbf16ps takes subnormal numbers as 0 and makes none, whatever the modes of the processor. D is
/// infinite where a sum of |x · w| passes the largest float (possible from |x| = 2^115 on), however small the scale.
struct bf16_activations {};

/// Activations as int8, one scale a row and segment (activation_segments); each segment's dot product is exact in
/// int32, segments are added in sequence: acc = fma(float(dot − bias_or_zero · Σx), ws · xs, acc), and with a float
/// offset then acc = fma(offset, xs · float(Σx), acc). Dense weights and float formats (nf4, e4m3, e5m2) have no
/// integers: for them as f32_activations.
struct int8_activations {};

namespace detail {

inline void quantize_segment(isa set, float const* x, std::size_t width, std::int8_t* codes, float& scale,
                             std::int32_t& sum) {
    switch (set) {
#if NIBBLE_X86_KERNELS
    case isa::avx512_bf16:
    case isa::avx512:
        return avx512_set::quantize_segment(x, width, codes, scale, sum);
    case isa::avx2:
        return avx2_set::quantize_segment(x, width, codes, scale, sum);
#endif
    default:
        return scalar_set::quantize_segment(x, width, codes, scale, sum);
    }
}

template <class St>
int8_rows quantize_rows(cpu where, matrix_view<float const> x, isa set) {
    std::size_t const k = x.columns();
    int8_rows result;
    result.k = k;
    result.stride = cpu_panel<St>::padded_columns(k);
    result.segments = activation_segments<St>::count(k);
    result.codes.resize(x.rows() * result.stride);
    result.scales.resize(x.rows() * result.segments);
    result.sums.resize(x.rows() * result.segments);
    where.parallel_for(x.rows(), [&](std::size_t begin, std::size_t end) {
        for (std::size_t row = begin; row < end; ++row) {
            std::size_t at = row * result.segments;
            activation_segments<St>::for_each(k, [&](std::size_t first, std::size_t padded, std::size_t width) {
                quantize_segment(set, x.row(row).data() + first, width,
                                 result.codes.data() + row * result.stride + padded, result.scales[at],
                                 result.sums[at]);
                ++at;
            });
        }
    });
    return result;
}

#if NIBBLE_X86_KERNELS
template <class W>
bf16_rows round_to_pairs(cpu where, matrix_view<float const> x, W const& w) {
    bf16_rows result = rows_beside(w, x.rows());
    where.parallel_for(x.rows(), [&](std::size_t begin, std::size_t end) {
        for (std::size_t row = begin; row < end; ++row) {
            for (std::size_t g = 0; g < result.groups; ++g) {
                bf16* const to = result.values.data() + row * result.stride + g * result.group_stride;
                std::size_t const width = (std::min)(result.group, result.k - g * result.group);
                avx512_bf16_set::round_row(x.row(row).data() + g * result.group, width, to);
                for (std::size_t c = 0; !result.sums.empty() && c < width; ++c) {
                    result.sums[row * result.groups + g] += static_cast<float>(to[c]);
                }
            }
        }
    });
    return result;
}
#endif

template <class W>
rounded_rows round_rows(cpu where, matrix_view<float const> x, [[maybe_unused]] W const& w, [[maybe_unused]] isa set) {
#if NIBBLE_X86_KERNELS
    if constexpr (multiplies_pairs<W>) {
        if (set == isa::avx512_bf16) {
            return {{}, round_to_pairs(where, x, w)};
        }
    }
#endif
    return {rounded_to<bf16>(where, x), {}};
}

/// From a multiple of 64 bytes on, so that no vector straddles two lines.
struct alignas(64) scratch_line {
    float lane[16];
};
using scratch_lines = std::vector<scratch_line>;

/// The panels [begin, end) of y with the kernels of one instruction set.
template <class St>
void product(isa set, int8_rows const& x, cpu_panel_weights<St> const& w, std::size_t begin, std::size_t end,
             scratch_lines&, matrix_view<float> y) {
    switch (set) {
#if NIBBLE_X86_KERNELS
    case isa::avx512_bf16:
    case isa::avx512:
        return avx512_set::int8_product(x, w, begin, end, y);
    case isa::avx2:
        return avx2_set::int8_product(x, w, begin, end, y);
#endif
    default:
        return scalar_set::int8_product(x, w, begin, end, y);
    }
}

template <class W>
void product(isa set, matrix_view<float const> x, W const& w, std::size_t begin, std::size_t end, scratch_lines& lines,
             matrix_view<float> y) {
    if (x.rows() > 1) {  // one row is multiplied as its panel is decoded
        lines.resize(w.k());
    }
    [[maybe_unused]] auto* const scratch = reinterpret_cast<float*>(lines.data());
    switch (set) {
#if NIBBLE_X86_KERNELS
    case isa::avx512_bf16:
    case isa::avx512:
        return avx512_set::f32_product(x, w, begin, end, scratch, y);
    case isa::avx2:
        return avx2_set::f32_product(x, w, begin, end, scratch, y);
#endif
    default:
        return scalar_set::f32_product(x, w, begin, end, scratch, y);
    }
}

template <class W>
void product(isa set, rounded_rows const& x, W const& w, std::size_t begin, std::size_t end, scratch_lines& lines,
             matrix_view<float> y) {
#if NIBBLE_X86_KERNELS
    if constexpr (multiplies_pairs<W>) {
        if (set == isa::avx512_bf16) {
            lines.resize(avx512_bf16_set::tile_panels * avx512_bf16_set::scratch_floats(w) / 16);
            return avx512_bf16_set::bf16_product(x.pairs, w, begin, end, reinterpret_cast<float*>(lines.data()), y);
        }
    }
#endif
    product(set, matrix_view<float const>(x.floats), w, begin, end, lines, y);
}

inline bool overlap(matrix_view<float const> a, matrix_view<float const> b) {
    constexpr std::compare_three_way compare;  // pointers into different arrays have no operator<
    return compare(a.data(), b.data() + b.rows() * b.columns()) < 0 &&
           compare(b.data(), a.data() + a.rows() * a.columns()) < 0;
}

template <class Activations, class W>
auto prepare(cpu where, matrix_view<float const> x, [[maybe_unused]] W const& w, [[maybe_unused]] isa set) {
    if constexpr (std::is_same_v<Activations, int8_activations> && multiplies_integers<W>) {
        return quantize_rows<typename W::storage>(where, x, set);
    } else if constexpr (std::is_same_v<Activations, bf16_activations>) {
        return round_rows(where, x, w, set);
    } else {
        static_assert(std::is_same_v<Activations, f32_activations> || std::is_same_v<Activations, int8_activations>,
                      "nibble: gemm's activations are f32_activations, bf16_activations or int8_activations");
        return x;
    }
}

}  // namespace detail

/// y[m, n] = epilogue(x[m, k] · decode(w)[n, k]ᵀ), w packed or dense panels. The bits of y do not depend on threads,
/// nor on the other rows of x; with f32 and int8 activations, neither on the instruction set. Throws nibble::error if
/// shapes disagree, y lies in x, or the machine lacks the instruction set; nothing is written then.
template <class Activations = f32_activations, class W, class Epilogue = identity>
void gemm_into(cpu where, matrix_view<float const> x, W const& w, matrix_view<float> y, Epilogue epilogue = {},
               isa set = best_isa()) {
    if (x.columns() != w.k()) {
        throw error("gemm got activations of " + std::to_string(x.columns()) + " columns and weights of " +
                    std::to_string(w.k()) + "; both are k and have to be equal");
    }
    if (y.rows() != x.rows() || y.columns() != w.n()) {
        throw error("gemm of " + std::to_string(x.rows()) + " rows and " + std::to_string(w.n()) +
                    " outputs got a result of " + std::to_string(y.rows()) + " x " + std::to_string(y.columns()));
    }
    if (!supports(set)) {
        throw error("gemm was asked for an instruction set that this machine lacks; leave the choice to best_isa()");
    }
    detail::require(epilogue, y.rows(), y.columns());
    if (y.rows() == 0 || y.columns() == 0) {
        return;
    }
    if (detail::overlap(x, y)) {
        throw error("gemm got a result that shares memory with its activations; give it a matrix of its own");
    }
    auto const activations = detail::prepare<Activations>(where, x, w, set);
    constexpr std::size_t unit = 2;  // panels that one register tile may span
    constexpr std::size_t lanes = 16;
    where.parallel_for((w.panels() + unit - 1) / unit, [&](std::size_t begin, std::size_t end) {
        detail::scratch_lines scratch;
        std::size_t const last = (std::min)(end * unit, w.panels());
        detail::product(set, activations, w, begin * unit, last, scratch, y);
        if constexpr (!std::is_same_v<Epilogue, identity>) {
            std::size_t const columns = (std::min)(last * lanes, y.columns());
            for (std::size_t row = 0; row < y.rows(); ++row) {
                for (std::size_t column = begin * unit * lanes; column < columns; ++column) {
                    y(row, column) = epilogue(y(row, column), row, column);
                }
            }
        }
    });
}

/// The same for a weight whose storage is known at run time only.
template <class Activations = f32_activations, class... Weights, class Epilogue = identity>
void gemm_into(cpu where, matrix_view<float const> x, std::variant<Weights...> const& w, matrix_view<float> y,
               Epilogue epilogue = {}, isa set = best_isa()) {
    std::visit([&](auto const& panels) { gemm_into<Activations>(where, x, panels, y, epilogue, set); }, w);
}

/// gemm_into a new matrix.
template <class Activations = f32_activations, class... Weights, class Epilogue = identity>
matrix<float> gemm(cpu where, matrix_view<float const> x, std::variant<Weights...> const& w, Epilogue epilogue = {},
                   isa set = best_isa()) {
    matrix<float> y(x.rows(), rows_of(w));
    gemm_into<Activations>(where, x, w, y, epilogue, set);
    return y;
}

template <class Activations = f32_activations, class W, class Epilogue = identity>
matrix<float> gemm(cpu where, matrix_view<float const> x, W const& w, Epilogue epilogue = {}, isa set = best_isa()) {
    static_assert(!packed_matrix<W>,
                  "nibble: gemm reads weights in the order of this machine; pass repack(cpu, w) instead of w");
    matrix<float> y(x.rows(), w.n());
    gemm_into<Activations>(where, x, w, y, epilogue, set);
    return y;
}

}  // namespace nibble
