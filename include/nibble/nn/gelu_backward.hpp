// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/nn/cpu/kernels.hpp>
#include <nibble/nn/cpu/layer_kernels.hpp>
#include <nibble/numeric/error.hpp>
#include <nibble/numeric/isa.hpp>
#include <nibble/tensor/backend.hpp>
#include <nibble/tensor/matrix.hpp>

#include <algorithm>
#include <cstddef>
#include <string>

namespace nibble {

/// The gradient of out = gelu_tanh(gate) · up:
///   dup = dout · gelu_tanh(gate),  dgate = dout · up · gelu_tanh′(gate),
///   gelu_tanh′(x) = s + x s (1 − s) (2u)′,  s = 1 / (1 + e^(−2u)),  2u = √(8/π) (x + 0.044715 x³)
///   dgate, dup   overwritten; each may be gate, up or dout, but not both the same
///   error   u = 2^-24, E = 2.1 + 4 |2u|:  dup has the bits of that formula;
///           dgate: u |dout up| (s (E (1 − s) + 5.1) + |x| s (1 − s) (2u)′ (E + 13.1))
///   edges   gelu_tanh′ is 1 from 16 up, and 0 from about −10.06 down, where the exact one is within 2^-120 of it; NaN
///           stays NaN
/// Throws nibble::error if the shapes differ.
inline void geglu_backward(cpu where, matrix_view<float const> gate, matrix_view<float const> up,
                           matrix_view<float const> dout, matrix_view<float> dgate, matrix_view<float> dup,
                           isa set = best_isa()) {
    for (matrix_view<float const> const other :
         {up, dout, matrix_view<float const>(dgate), matrix_view<float const>(dup)}) {
        if (other.rows() != gate.rows() || other.columns() != gate.columns()) {
            throw error("geglu_backward got a gate of " + std::to_string(gate.rows()) + " x " +
                        std::to_string(gate.columns()) + " elements, and an up or a gradient of " +
                        std::to_string(other.rows()) + " x " + std::to_string(other.columns()) +
                        "; the five shapes have to be equal");
        }
    }
    detail::layer_kernels const& kernels = detail::layers(set, "geglu_backward");
    std::size_t const count = gate.rows() * gate.columns();
    constexpr std::size_t block = 1024;
    detail::for_ranges(where, (count + block - 1) / block, block, [&](std::size_t begin, std::size_t end) {
        std::size_t const first = begin * block;
        kernels.geglu_backward(gate.data() + first, up.data() + first, dout.data() + first,
                               (std::min)(count, end * block) - first, dgate.data() + first, dup.data() + first);
    });
}

}  // namespace nibble
