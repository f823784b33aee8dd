// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/scheme/grid.hpp>
#include <nibble/tensor/any_weight.hpp>
#include <nibble/tensor/cpu_panel.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

namespace nibble {

/// Columns that share an activation scale: a weight group cut into pieces of at most 128 columns. 128 * 127 * 255 fits
/// an int32 many times over, so a segment's dot product is exact.
template <class St>
struct activation_segments {
    using layout = cpu_panel<St>;
    static constexpr std::size_t width_limit = 128;
    static_assert(width_limit * 128 * 255 <= static_cast<std::size_t>((std::numeric_limits<std::int32_t>::max)()));

    static constexpr std::size_t count(std::size_t k) {
        std::size_t const groups = layout::groups(k);
        return groups == 0
                   ? 0
                   : (groups - 1) * pieces(layout::group_width(0, k)) + pieces(layout::group_width(groups - 1, k));
    }
    static constexpr std::size_t pieces(std::size_t width) { return (width + width_limit - 1) / width_limit; }

    /// f(first column, its place among padded columns, width) for each segment of a row of k columns.
    template <class F>
    static void for_each(std::size_t k, F&& f) {
        for (std::size_t g = 0; g < layout::groups(k); ++g) {
            std::size_t const width = layout::group_width(g, k);
            for (std::size_t offset = 0; offset < width; offset += width_limit) {
                f(g * layout::group + offset, g * layout::group_stride + offset,
                  width - offset < width_limit ? width - offset : width_limit);
            }
        }
    }
};

namespace detail {

/// Whether weights W have the integers that int8 activations are multiplied by.
template <class W>
inline constexpr bool multiplies_integers = [] {
    if constexpr (is_dense<W>) {
        return false;
    } else {
        return integer_grid<typename W::storage::grid>;
    }
}();

/// The value of every code, in units of the scale.
template <class St>
inline constexpr auto level_table = [] {
    std::array<float, std::size_t{1} << St::bits> table{};
    for (std::size_t code = 0; code < table.size(); ++code) {
        table[code] = St::grid::level(static_cast<unsigned>(code));
    }
    return table;
}();

/// m rows of int8 codes at the padded columns of a cpu_panel, with a scale and the sum of the codes for each segment.
struct int8_rows {
    std::size_t k = 0;
    std::size_t stride = 0;    ///< codes a row
    std::size_t segments = 0;  ///< scales a row
    std::vector<std::int8_t> codes;
    std::vector<float> scales;
    std::vector<std::int32_t> sums;
};

}  // namespace detail
}  // namespace nibble
