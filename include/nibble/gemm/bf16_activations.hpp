// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/numeric/bf16.hpp>
#include <nibble/scheme/grid.hpp>
#include <nibble/tensor/any_weight.hpp>
#include <nibble/tensor/cpu_panel.hpp>
#include <nibble/tensor/matrix.hpp>

#include <algorithm>
#include <cstddef>
#include <type_traits>
#include <vector>

namespace nibble::detail {

/// Whether the levels of a storage are an unsigned byte minus an integer, times a power of two: bf16 holds those.
template <class St>
inline constexpr bool has_byte_numbers = [] {
    if constexpr (integer_grid<typename St::grid>) {
        return St::grid::integers.factor == 1;
    } else {
        return false;
    }
}();

/// Whether isa::avx512_bf16 multiplies weights W by pairs of bf16.
template <class W>
inline constexpr bool multiplies_pairs = [] {
    if constexpr (is_dense<W>) {
        return std::is_same_v<W, dense_panels<bf16>>;
    } else {
        return has_byte_numbers<typename W::storage>;
    }
}();

/// A group of packed weights is multiplied in whole units of columns, zeros where no column is.
template <class St>
inline constexpr std::size_t pair_unit = cpu_panel<St>::group == 16 ? 16 : cpu_panel<St>::chunk_columns;

/// m rows of bf16 at the columns of the weights they meet: group g from column g * group_stride on, zeros where no
/// column is.
struct bf16_rows {
    static constexpr std::size_t piece = 32;  ///< columns of a group that are summed before the scale is applied
    std::size_t k = 0;
    std::size_t group = 0;  ///< columns
    std::size_t group_stride = 0;
    std::size_t groups = 0;
    std::size_t unit = 2;    ///< columns, a power of two: pair_unit, a pair for dense weights
    std::size_t stride = 0;  ///< values a row
    std::vector<bf16> values;
    std::vector<float> sums;  ///< [row][group], where the weights have a float offset

    /// Columns of group g, padding to a whole unit included.
    std::size_t padded_width(std::size_t g) const {
        return ((std::min)(group, k - g * group) + unit - 1) & ~(unit - 1);
    }
};

/// m rows of zeros in the order of w.
template <class W>
bf16_rows rows_beside(W const& w, std::size_t m) {
    bf16_rows x;
    x.k = w.k();
    if constexpr (is_dense<W>) {
        x.group = x.k;
        x.groups = x.k == 0 ? 0 : 1;
        x.stride = (x.k + 1) / 2 * 2;
        x.group_stride = x.stride;
    } else {
        using layout = typename W::layout;
        x.groups = w.groups();
        x.stride = layout::padded_columns(x.k);
        x.group = layout::group == 0 ? x.k : layout::group;
        x.group_stride = layout::group == 0 ? x.stride : layout::group_stride;
        x.unit = pair_unit<typename W::storage>;
        x.sums.resize(W::storage::has_offset ? m * x.groups : 0);
    }
    x.values.resize(m * x.stride);
    return x;
}

/// Activations rounded to bf16, in one of two forms: what the kernels of the instruction set read.
struct rounded_rows {
    matrix<float> floats;
    bf16_rows pairs;
};

}  // namespace nibble::detail
