// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/scheme/compose.hpp>

#include <algorithm>
#include <cstddef>

namespace nibble::detail {

/// How a matrix falls into the blocks that share a scale.
template <quantization_scheme S>
struct scale_blocks {
    std::size_t rows;
    std::size_t columns;

    std::size_t height() const { return S::storage::rows == 0 ? rows : S::storage::rows; }
    std::size_t width() const { return S::storage::group == 0 ? columns : S::storage::group; }
    std::size_t scale_rows() const { return rows == 0 ? 0 : (rows + height() - 1) / height(); }
    std::size_t groups() const { return columns == 0 ? 0 : (columns + width() - 1) / width(); }
    std::size_t rows_of(std::size_t scale_row) const { return (std::min)(height(), rows - scale_row * height()); }
    std::size_t columns_of(std::size_t group) const { return (std::min)(width(), columns - group * width()); }
};

}  // namespace nibble::detail
