// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/numeric/error.hpp>
#include <nibble/scheme/compose.hpp>
#include <nibble/tensor/packed_view.hpp>

#include <cstddef>
#include <cstdint>

namespace nibble {

/// Bytes of a matrix [rows, columns] at rest: of its codes, scales and zeros under a scheme, where they are those of
/// packed_tensor, and so of ggml's blocks for ggml's schemes; or of its elements of a float type. Throws nibble::error
/// where the scheme rejects the tail of a row.
template <class SchemeOrFloat>
constexpr std::uint64_t tensor_bytes(std::uint64_t rows, std::uint64_t columns) {
    if constexpr (quantization_scheme<SchemeOrFloat>) {
        packed_layout<storage_of<SchemeOrFloat>> const layout{static_cast<std::size_t>(rows),
                                                              static_cast<std::size_t>(columns)};
        if (!layout.has_allowed_tail()) {
            throw error("tensor_bytes got rows that are not whole blocks; use a scheme with short_group");
        }
        return layout.bytes();
    } else {
        return rows * columns * sizeof(SchemeOrFloat);
    }
}

}  // namespace nibble
