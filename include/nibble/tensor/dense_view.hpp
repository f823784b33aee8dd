// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstring>
#include <span>

namespace nibble {

/// A row-major matrix of float, f16 or bf16 values in bytes owned by someone else, which may start at any address.
template <class T>
class dense_view {
public:
    using value_type = T;

    dense_view(std::byte const* data, std::size_t rows, std::size_t columns)
        : data_(data), rows_(rows), columns_(columns) {}

    std::size_t rows() const { return rows_; }
    std::size_t columns() const { return columns_; }
    std::byte const* data() const { return data_; }

    float operator()(std::size_t row, std::size_t column) const {
        T value;
        std::memcpy(&value, data_ + (row * columns_ + column) * sizeof(T), sizeof(T));
        return static_cast<float>(value);
    }

private:
    std::byte const* data_;
    std::size_t rows_;
    std::size_t columns_;
};

/// The values of `to.size()` neighbouring columns of a row from column `first` on.
template <class T>
void decode_row(dense_view<T> const& w, std::size_t row, std::size_t first, std::span<float> to) {
    for (std::size_t i = 0; i < to.size(); ++i) {
        to[i] = w(row, first + i);
    }
}

}  // namespace nibble
