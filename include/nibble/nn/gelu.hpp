// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/gemm/cpu/isa.hpp>
#include <nibble/nn/cpu/kernels.hpp>
#include <nibble/nn/cpu/layer_kernels.hpp>
#include <nibble/numeric/error.hpp>
#include <nibble/numeric/exp.hpp>
#include <nibble/numeric/fma.hpp>
#include <nibble/numeric/host_device.hpp>
#include <nibble/tensor/backend.hpp>
#include <nibble/tensor/matrix.hpp>

#include <algorithm>
#include <cstddef>
#include <string>

namespace nibble {

/// GELU by its tanh form, x / 2 · (1 + tanh u) = x / (1 + e^(−2u)), u = √(2/π) (x + 0.044715 x³); the same bits on
/// every compiler and machine that divides as IEEE 754 says.
///   error   relative 2^-24 · 5, for x < 0 · (5 + 4 |2u|), which the exponential multiplies into it; 2^-150 more where
///           the result is subnormal
///   edges   x from 6 up; −0 from about −10.06 down, where the exact value is below 3.1e-38; NaN stays NaN
///   source  Hendrycks and Gimpel, arXiv:1606.08415
NIBBLE_HD constexpr float gelu_tanh(float x) {
    if (x != x) {
        return x;
    }
    float const lowest = detail::gelu_lowest;
    float const bounded = x < lowest ? lowest : x;
    float const slope = fma(detail::gelu_cubic, bounded * bounded, detail::gelu_linear);
    return bounded / (1.0f + exp(bounded * slope));
}

/// out = gelu_tanh(gate) · up, element by element and with the bits of that formula; out may be gate or up.
/// Throws nibble::error if the shapes differ.
inline void geglu(cpu where, matrix_view<float const> gate, matrix_view<float const> up, matrix_view<float> out,
                  isa set = best_isa()) {
    if (gate.rows() != up.rows() || gate.columns() != up.columns() || gate.rows() != out.rows() ||
        gate.columns() != out.columns()) {
        throw error("geglu got a gate of " + std::to_string(gate.rows()) + " x " + std::to_string(gate.columns()) +
                    " elements, an up of " + std::to_string(up.rows()) + " x " + std::to_string(up.columns()) +
                    " and a result of " + std::to_string(out.rows()) + " x " + std::to_string(out.columns()) +
                    "; the three shapes have to be equal");
    }
    detail::layer_kernels const& kernels = detail::layers(set, "geglu");
    std::size_t const count = out.rows() * out.columns();
    constexpr std::size_t block = 1024;
    detail::for_ranges(where, (count + block - 1) / block, block, [&](std::size_t begin, std::size_t end) {
        std::size_t const first = begin * block;
        kernels.geglu(gate.data() + first, up.data() + first, std::min(count, end * block) - first, out.data() + first);
    });
}

}  // namespace nibble
