// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/tensor/backend.hpp>
#include <nibble/tensor/cpu_panel.hpp>
#include <nibble/tensor/packed_tensor.hpp>

#include <algorithm>
#include <cstddef>

namespace nibble {

/// The same codes, scales and zeros in the order that the product on the CPU reads. A scale that rows share is stored
/// once a row there.
///   result  decode(row, column) is unchanged, bit for bit
template <class Storage>
cpu_panel_weights<Storage> repack(cpu backend, packed_tensor<Storage> const& packed) {
    cpu_panel_weights<Storage> panels(packed.rows(), packed.columns());
    constexpr std::size_t unit = cpu_panel<Storage>::rows;  // rows of one panel share bytes: one thread writes them all
    backend.parallel_for(panels.panels(), [&](std::size_t begin, std::size_t end) {
        for (std::size_t row = begin * unit; row < std::min(end * unit, packed.rows()); ++row) {
            for (std::size_t g = 0; g < packed.groups(); ++g) {
                panels.set_scale(row, g, packed.scale(row, g), packed.zero(row, g));
            }
            for (std::size_t column = 0; column < packed.columns(); ++column) {
                panels.set(row, column, packed.code(row, column));
            }
        }
    });
    return panels;
}

}  // namespace nibble
