// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/tensor/backend.hpp>
#include <nibble/tensor/cpu_panel.hpp>
#include <nibble/tensor/packed_matrix.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace nibble {

/// Panels [begin, end) of `panels` from the same rows of `packed`: for loading a matrix in pieces.
template <packed_matrix M>
void repack_panels(M const& packed, cpu_panel_weights<typename M::storage>& panels, std::size_t begin,
                   std::size_t end) {
    using layout = cpu_panel<typename M::storage>;
    constexpr std::size_t run = layout::group_stride == 16 ? 16 : 32;  // columns of a chunk that one group has
    std::size_t const k = packed.columns();
    for (std::size_t panel = begin; panel < end; ++panel) {
        std::size_t const first_row = panel * layout::rows;
        std::size_t const rows = (std::min)(layout::rows, packed.rows() - first_row);
        for (std::size_t r = 0; r < rows; ++r) {
            for (std::size_t g = 0; g < packed.groups(); ++g) {
                panels.set_scale(first_row + r, g, packed.scale(first_row + r, g), packed.zero(first_row + r, g));
            }
        }
        for (std::size_t chunk = 0; chunk < layout::padded_columns(k) / layout::chunk_columns; ++chunk) {
            std::array<std::uint8_t, 512> quads{};
            for (std::size_t start = 0; start < layout::chunk_columns; start += run) {
                std::size_t const padded = chunk * layout::chunk_columns + start;
                std::size_t const g = layout::group_stride == 0 ? 0 : padded / layout::group_stride;
                std::size_t const in_group = padded - g * layout::group_stride;
                std::size_t const width = g < packed.groups() ? layout::group_width(g, k) : 0;
                if (in_group >= width) {
                    continue;
                }
                std::array<std::uint8_t, run> codes{};
                for (std::size_t r = 0; r < rows; ++r) {
                    packed.codes(first_row + r, g * layout::group + in_group,
                                 std::span(codes).first((std::min)(run, width - in_group)));
                    for (std::size_t quad = 0; quad < run / 4; ++quad) {
                        std::memcpy(&quads[(start / 4 + quad) * 64 + r * 4], &codes[quad * 4], 4);
                    }
                }
            }
            panels.set_chunk(panel, chunk, quads);
        }
    }
}

/// The same codes, scales and zeros in the order that the product on the CPU reads. A scale that rows share is stored
/// once a row there.
///   result  decode(row, column) is unchanged, bit for bit
template <packed_matrix M>
cpu_panel_weights<typename M::storage> repack(cpu backend, M const& packed) {
    cpu_panel_weights<typename M::storage> panels(packed.rows(), packed.columns());
    backend.parallel_for(panels.panels(),
                         [&](std::size_t begin, std::size_t end) { repack_panels(packed, panels, begin, end); });
    return panels;
}

}  // namespace nibble
