// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/gemm/cpu/avx2.hpp>
#include <nibble/gemm/cpu/avx512.hpp>
#include <nibble/gemm/cpu/isa.hpp>
#include <nibble/gemm/cpu/scalar.hpp>
#include <nibble/gemm/epilogue.hpp>
#include <nibble/gemm/int8_activations.hpp>
#include <nibble/numeric/error.hpp>
#include <nibble/tensor/backend.hpp>
#include <nibble/tensor/cpu_panel.hpp>
#include <nibble/tensor/matrix.hpp>

#include <algorithm>
#include <cstddef>
#include <string>
#include <type_traits>
#include <vector>

namespace nibble {

/// Activations as they are: y = Σ fma(x, w_hat, acc) in four chains by column mod 4, then (a0 + a1) + (a2 + a3).
struct f32_activations {};

/// Activations as int8, one scale a row and segment (activation_segments); each segment's dot product is exact in
/// int32, segments are added in sequence: acc = fma(float(dot − bias_or_zero · Σx), ws · xs, acc), and with a float
/// offset then acc = fma(offset, xs · float(Σx), acc).
struct int8_activations {};

namespace detail {

/// The panels [begin, end) of y with the kernels of one instruction set.
template <class St>
void product(isa set, int8_rows const& x, cpu_panel_weights<St> const& w, std::size_t begin, std::size_t end,
             std::vector<float>&, matrix_view<float> y) {
    switch (set) {
#if NIBBLE_X86_KERNELS
    case isa::avx512:
        return avx512_set::int8_product(x, w, begin, end, y);
    case isa::avx2:
        return avx2_set::int8_product(x, w, begin, end, y);
#endif
    default:
        return scalar_set::int8_product(x, w, begin, end, y);
    }
}

template <class St>
void product(isa set, matrix_view<float const> x, cpu_panel_weights<St> const& w, std::size_t begin, std::size_t end,
             std::vector<float>& scratch, matrix_view<float> y) {
    scratch.resize(w.k() * cpu_panel<St>::rows);
    switch (set) {
#if NIBBLE_X86_KERNELS
    case isa::avx512:
        return avx512_set::f32_product(x, w, begin, end, scratch.data(), y);
    case isa::avx2:
        return avx2_set::f32_product(x, w, begin, end, scratch.data(), y);
#endif
    default:
        return scalar_set::f32_product(x, w, begin, end, scratch.data(), y);
    }
}

}  // namespace detail

/// y[m, n] = epilogue(x[m, k] · decode(w)[n, k]ᵀ). The bits of y do not depend on threads, instruction set, nor on the
/// other rows of x. Throws nibble::error if the two k differ or the machine lacks the instruction set.
template <class Activations = f32_activations, class St, class Epilogue = identity>
matrix<float> gemm(cpu where, matrix_view<float const> x, cpu_panel_weights<St> const& w, Epilogue epilogue = {},
                   isa set = best_isa()) {
    if (x.columns() != w.k()) {
        throw error("gemm got activations of " + std::to_string(x.columns()) + " columns and weights of " +
                    std::to_string(w.k()) + "; both are k and have to be equal");
    }
    if (!supports(set)) {
        throw error("gemm was asked for an instruction set that this machine lacks; leave the choice to best_isa()");
    }
    matrix<float> y(x.rows(), w.n());
    if (y.rows() == 0 || y.columns() == 0) {
        return y;
    }
    matrix_view<float> const out = y;
    auto const activations = [&] {
        if constexpr (std::is_same_v<Activations, int8_activations>) {
            return detail::quantize_rows<St>(where, x);
        } else {
            static_assert(std::is_same_v<Activations, f32_activations>,
                          "gemm's activations are f32_activations or int8_activations");
            return x;
        }
    }();
    constexpr std::size_t unit = 2;  // panels that one register tile may span
    where.parallel_for((w.panels() + unit - 1) / unit, [&](std::size_t begin, std::size_t end) {
        std::vector<float> scratch;
        std::size_t const last = std::min(end * unit, w.panels());
        detail::product(set, activations, w, begin * unit, last, scratch, out);
        if constexpr (!std::is_same_v<Epilogue, identity>) {
            std::size_t const columns = std::min(last * cpu_panel<St>::rows, out.columns());
            for (std::size_t row = 0; row < out.rows(); ++row) {
                for (std::size_t column = begin * unit * cpu_panel<St>::rows; column < columns; ++column) {
                    out(row, column) = epilogue(out(row, column), row, column);
                }
            }
        }
    });
    return y;
}

}  // namespace nibble
