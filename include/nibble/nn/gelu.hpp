// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/nn/cpu/kernels.hpp>
#include <nibble/nn/cpu/layer_kernels.hpp>
#include <nibble/numeric/error.hpp>
#include <nibble/numeric/gelu.hpp>
#include <nibble/numeric/isa.hpp>
#include <nibble/tensor/backend.hpp>
#include <nibble/tensor/matrix.hpp>

#include <algorithm>
#include <cstddef>
#include <string>

namespace nibble {

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
        kernels.geglu(gate.data() + first, up.data() + first, (std::min)(count, end * block) - first,
                      out.data() + first);
    });
}

}  // namespace nibble
