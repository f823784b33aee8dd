// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/numeric/bf16.hpp>
#include <nibble/numeric/error.hpp>
#include <nibble/tensor/line_allocator.hpp>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <limits>
#include <string>
#include <type_traits>
#include <vector>

namespace nibble {

/// n x k values of type T (float, f16, bf16) for the product on the CPU: 16 rows are a panel, in it column after
/// column, so that SIMD lanes are output rows. For bf16 it is pair after pair of columns, [row][2], so that a lane
/// holds what an instruction on pairs of bf16 takes; no instruction takes pairs of f16 here. Rows past n and the column
/// past an odd k are 0.
template <class T>
class dense_panels {
public:
    using value_type = T;
    static constexpr std::size_t rows = 16;                                   ///< of a panel
    static constexpr std::size_t together = std::is_same_v<T, bf16> ? 2 : 1;  ///< columns side by side

    dense_panels() = default;

    /// Throws nibble::error if the bytes are more than a std::size_t counts.
    dense_panels(std::size_t n, std::size_t k) : n_(n), k_(k) {
        if (n > (std::numeric_limits<std::size_t>::max)() / 2 / sizeof(T) - rows ||
            (n != 0 && k > (std::numeric_limits<std::size_t>::max)() / 2 / sizeof(T) / (n + rows))) {
            throw error("dense_panels of " + std::to_string(n) + " x " + std::to_string(k) +
                        " values does not fit in memory; check the two counts");
        }
        detail::allocate([&] { values_.resize(panels() * panel_values()); },
                         [&] { return "weights of " + std::to_string(n) + " x " + std::to_string(k); });
    }

    std::size_t n() const { return n_; }
    std::size_t k() const { return k_; }
    std::size_t panels() const { return (n_ + rows - 1) / rows; }
    std::size_t bytes() const { return values_.size() * sizeof(T); }

    /// [column / together][row of the panel][column % together]; floats and pairs of bf16 from a multiple of 64 bytes
    /// on.
    T const* values(std::size_t panel) const { return values_.data() + panel * panel_values(); }

    /// Where in its panel a value lies.
    static constexpr std::size_t at(std::size_t row, std::size_t column) {
        return (column / together * rows + row % rows) * together + column % together;
    }

    float decode(std::size_t row, std::size_t column) const {
        return static_cast<float>(values(row / rows)[at(row, column)]);
    }

    /// Panels [begin, end) from row-major values of the whole matrix, which may lie at any byte.
    void set_panels(std::byte const* from, std::size_t begin, std::size_t end) {
        for (std::size_t row = begin * rows; row < (std::min)(end * rows, n_); ++row) {
            T* const to = values_.data() + row / rows * panel_values();
            std::byte const* const source = from + row * k_ * sizeof(T);
            for (std::size_t column = 0; column < k_; ++column) {
                std::memcpy(&to[at(row, column)], source + column * sizeof(T), sizeof(T));
            }
        }
    }

private:
    std::size_t panel_values() const { return (k_ + together - 1) / together * together * rows; }

    std::size_t n_ = 0;
    std::size_t k_ = 0;
    std::vector<T, detail::line_allocator<T>> values_;
};

}  // namespace nibble
