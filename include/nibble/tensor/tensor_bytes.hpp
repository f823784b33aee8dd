// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/numeric/error.hpp>
#include <nibble/scheme/compose.hpp>
#include <nibble/tensor/planes.hpp>

#include <concepts>
#include <cstdint>
#include <limits>

namespace nibble {

/// Bytes of a matrix [rows, columns] at rest: of its codes, scales and zeros under a scheme, where they are those of
/// packed_tensor, and so of ggml's blocks for ggml's schemes; or of its elements of a float type. Throws nibble::error
/// where the scheme rejects the tail of a row.
template <class SchemeOrFloat>
constexpr std::uint64_t tensor_bytes(std::uint64_t rows, std::uint64_t columns) {
    if constexpr (quantization_scheme<SchemeOrFloat>) {
        using St = storage_of<SchemeOrFloat>;
        using zero = typename St::zero_type;
        constexpr std::uint64_t bytes_of_zero = std::same_as<zero, no_zero> ? 0 : sizeof(zero);
        constexpr bool is_per_tensor = std::same_as<typename St::granularity, per_tensor>;
        constexpr std::uint64_t width = St::group == 0 ? (std::numeric_limits<std::uint64_t>::max)() : St::group;
        if (std::same_as<typename St::tail, reject_tail> && St::group != 0 && columns % width != 0) {
            throw error("tensor_bytes got rows that are not whole groups; use a scheme with short_group");
        }
        std::uint64_t codes = 0;
        for (code_plane const plane : planes_of<St::bits>) {
            codes += rows * ((columns * static_cast<std::uint64_t>(plane.width) + 7) / 8);
        }
        std::uint64_t const groups = columns == 0 ? 0 : (columns - 1) / width + 1;
        std::uint64_t const scales = groups * (is_per_tensor && rows != 0 ? 1 : rows);
        return codes + scales * (sizeof(typename St::scale_type) + bytes_of_zero);
    } else {
        return rows * columns * sizeof(SchemeOrFloat);
    }
}

}  // namespace nibble
