// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/scheme/granularity.hpp>
#include <nibble/scheme/symmetry.hpp>
#include <nibble/tensor/planes.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace nibble {

/// Where the parts of a packed matrix [rows, columns] lie in its bytes: the planes of codes, then the scales, then the
/// zeros, each without padding.
///   planes  a width is the sum of its binary digits: 7 bits are a plane of 4, one of 2 and one of 1; the widest
///           holds the lowest bits of the code. In a plane of p bits, column c of a row is at bit (c · p) mod 8 of
///           byte c · p / 8, so no code straddles a byte; rows start at whole bytes
///   groups  group g of a row covers columns [g · group, (g + 1) · group), the last one may be shorter; scales and
///           zeros are [row][group]
template <class Storage>
struct packed_layout {
    using scale_type = typename Storage::scale_type;
    using zero_type = typename Storage::zero_type;
    static constexpr bool has_zero = !std::same_as<zero_type, no_zero>;
    static constexpr bool is_per_tensor = std::same_as<typename Storage::granularity, per_tensor>;

    std::size_t rows = 0;
    std::size_t columns = 0;

    /// Whether bytes() is a number that a std::size_t holds: an element takes 3 bytes for its planes, and 16 for a
    /// scale and a zero of its own, at most.
    constexpr bool fits() const { return columns == 0 || rows <= static_cast<std::size_t>(-1) / 32 / columns; }

    /// Groups in a row: at least one where there are columns.
    constexpr std::size_t groups() const {
        return Storage::group == 0 ? std::size_t{columns != 0} : (columns + Storage::group - 1) / Storage::group;
    }
    static constexpr std::size_t group_of(std::size_t column) {
        return Storage::group == 0 ? 0 : column / Storage::group;
    }
    constexpr std::size_t scale_count() const {
        return is_per_tensor ? std::size_t{rows * columns != 0} : rows * groups();
    }
    constexpr std::size_t scale_index(std::size_t row, std::size_t group) const {
        return is_per_tensor ? 0 : row * groups() + group;
    }
    constexpr std::size_t row_bytes(code_plane plane) const {
        return (columns * static_cast<std::size_t>(plane.width) + 7) / 8;
    }
    constexpr std::size_t code_bytes() const {
        std::size_t bytes = 0;
        for (code_plane const plane : planes_of<Storage::bits>) {
            bytes += rows * row_bytes(plane);
        }
        return bytes;
    }
    constexpr std::size_t scales_at() const { return code_bytes(); }
    constexpr std::size_t zeros_at() const { return scales_at() + scale_count() * sizeof(scale_type); }
    constexpr std::size_t bytes() const { return zeros_at() + (has_zero ? scale_count() * sizeof(zero_type) : 0); }

    friend bool operator==(packed_layout const&, packed_layout const&) = default;
};

/// A packed matrix in bytes owned by someone else, a mapped file for example; they may start at any address.
template <class Storage>
class packed_view {
public:
    using storage = Storage;
    using layout = packed_layout<Storage>;
    using scale_type = typename Storage::scale_type;
    using zero_type = typename Storage::zero_type;

    packed_view() = default;

    /// `data` holds layout{rows, columns}.bytes() bytes.
    packed_view(std::byte const* data, std::size_t rows, std::size_t columns) : data_(data), layout_{rows, columns} {}

    std::size_t rows() const { return layout_.rows; }
    std::size_t columns() const { return layout_.columns; }
    std::size_t groups() const { return layout_.groups(); }
    static constexpr std::size_t group_of(std::size_t column) { return layout::group_of(column); }
    std::span<std::byte const> bytes() const { return {data_, layout_.bytes()}; }

    unsigned code(std::size_t row, std::size_t column) const {
        std::uint8_t result = 0;
        codes(row, column, {&result, 1});
        return result;
    }

    /// The codes of `to.size()` neighbouring columns of a row, from column `first` on.
    void codes(std::size_t row, std::size_t first, std::span<std::uint8_t> to) const {
        std::byte const* plane_start = data_;
        bool lowest = true;
        for (code_plane const plane : planes_of<Storage::bits>) {
            std::byte const* const bytes = plane_start + row * layout_.row_bytes(plane);
            auto const width = static_cast<std::size_t>(plane.width);
            unsigned const mask = (1u << width) - 1u;
            for (std::size_t i = 0; i < to.size(); ++i) {
                std::size_t const bit = (first + i) * width;
                unsigned const field = static_cast<unsigned>(bytes[bit / 8]) >> (bit % 8) & mask;
                to[i] = static_cast<std::uint8_t>((lowest ? 0u : to[i]) | field << plane.first_bit);
            }
            lowest = false;
            plane_start += layout_.rows * layout_.row_bytes(plane);
        }
    }

    scale_type scale(std::size_t row, std::size_t group) const {
        return at<scale_type>(layout_.scales_at(), layout_.scale_index(row, group));
    }
    zero_type zero(std::size_t row, std::size_t group) const {
        if constexpr (layout::has_zero) {
            return at<zero_type>(layout_.zeros_at(), layout_.scale_index(row, group));
        } else {
            return {};
        }
    }

    /// The value of one element, by the storage's decode.
    float decode(std::size_t row, std::size_t column) const {
        std::size_t const group = group_of(column);
        return Storage::decode(code(row, column), scale(row, group), zero(row, group));
    }

private:
    template <class T>
    T at(std::size_t start, std::size_t index) const {
        T value;
        std::memcpy(&value, data_ + start + index * sizeof(T), sizeof(T));
        return value;
    }

    std::byte const* data_ = nullptr;
    layout layout_;
};

}  // namespace nibble
