// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/numeric/error.hpp>

#include <cstddef>
#include <limits>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

namespace nibble {

/// rows x columns elements in row-major order, owned by someone else. Either count may be 0; then data may be null.
template <class T>
class matrix_view {
public:
    matrix_view() = default;

    /// Throws nibble::error if data is null and the matrix has elements.
    matrix_view(T* data, std::size_t rows, std::size_t columns) : data_(data), rows_(rows), columns_(columns) {
        if (data == nullptr && rows != 0 && columns != 0) {
            throw error("matrix_view of " + std::to_string(rows) + " x " + std::to_string(columns) +
                        " elements got a null pointer; pass the address of the first element");
        }
    }

    operator matrix_view<T const>() const
        requires(!std::is_const_v<T>)
    {
        return {data_, rows_, columns_};
    }

    T* data() const { return data_; }
    std::size_t rows() const { return rows_; }
    std::size_t columns() const { return columns_; }
    T& operator()(std::size_t row, std::size_t column) const { return data_[row * columns_ + column]; }
    std::span<T> row(std::size_t i) const { return {data_ + i * columns_, columns_}; }

private:
    T* data_ = nullptr;
    std::size_t rows_ = 0;
    std::size_t columns_ = 0;
};

/// rows x columns elements in row-major order, zero at first. Either count may be 0.
template <class T>
class matrix {
public:
    matrix() = default;

    /// Throws nibble::error if the elements are more than memory holds.
    matrix(std::size_t rows, std::size_t columns) : rows_(rows), columns_(columns) {
        detail::allocate([&] { elements_.resize(checked_count(rows, columns)); },
                         [&] { return "a matrix of " + std::to_string(rows) + " x " + std::to_string(columns); });
    }

    operator matrix_view<T>() { return {data(), rows_, columns_}; }
    operator matrix_view<T const>() const { return {data(), rows_, columns_}; }

    T* data() { return elements_.data(); }
    T const* data() const { return elements_.data(); }
    std::size_t rows() const { return rows_; }
    std::size_t columns() const { return columns_; }
    T& operator()(std::size_t row, std::size_t column) { return elements_[row * columns_ + column]; }
    T const& operator()(std::size_t row, std::size_t column) const { return elements_[row * columns_ + column]; }
    std::span<T> row(std::size_t i) { return {data() + i * columns_, columns_}; }
    std::span<T const> row(std::size_t i) const { return {data() + i * columns_, columns_}; }

    friend bool operator==(matrix const&, matrix const&) = default;

private:
    static std::size_t checked_count(std::size_t rows, std::size_t columns) {
        if (columns != 0 && rows > (std::numeric_limits<std::size_t>::max)() / sizeof(T) / columns) {
            throw error("matrix of " + std::to_string(rows) + " x " + std::to_string(columns) +
                        " elements does not fit in memory; check the two counts");
        }
        return rows * columns;
    }

    std::size_t rows_ = 0;
    std::size_t columns_ = 0;
    std::vector<T> elements_;
};

}  // namespace nibble
