// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/scheme/granularity.hpp>
#include <nibble/tensor/factor_order.hpp>
#include <nibble/tensor/planes.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>

namespace nibble {

/// Where the parts of a packed matrix [rows, columns] lie in its bytes: the planes of codes, then the scales, then the
/// zeros, each without padding.
///   planes  a width is the sum of its binary digits: 7 bits are a plane of 4, one of 2 and one of 1; the widest
///           holds the lowest bits of the code
///   groups  group g of a row covers columns [g · group, (g + 1) · group), the last one may be shorter; scales and
///           zeros are [row][group], once for the rows that share them
template <class Storage>
struct packed_layout {
    using scale_type = typename Storage::scale_type;
    using zero_type = typename Storage::zero_type;

    std::size_t rows = 0;
    std::size_t columns = 0;

    /// Whether bytes() is a number that a std::size_t holds: an element takes 3 bytes for its planes, and 16 for a
    /// scale and a zero of its own, at most.
    constexpr bool fits() const { return columns == 0 || rows <= static_cast<std::size_t>(-1) / 32 / columns; }

    /// Whether rows are whole blocks of the storage, or it allows them not to be.
    constexpr bool has_allowed_tail() const {
        return !std::same_as<typename Storage::tail, reject_tail> || Storage::block == 0 ||
               columns % Storage::block == 0;
    }

    /// Groups in a row: at least one where there are columns.
    constexpr std::size_t groups() const {
        return Storage::group == 0 ? std::size_t{columns != 0} : (columns + Storage::group - 1) / Storage::group;
    }
    static constexpr std::size_t group_of(std::size_t column) {
        return Storage::group == 0 ? 0 : column / Storage::group;
    }
    /// Rows that have scales of their own.
    constexpr std::size_t scale_rows() const {
        return Storage::rows == 0 ? std::size_t{rows != 0} : (rows + Storage::rows - 1) / Storage::rows;
    }
    static constexpr std::size_t scale_row(std::size_t row) { return Storage::rows == 0 ? 0 : row / Storage::rows; }

    constexpr plane_order<Storage::bits> codes() const { return {rows, columns}; }
    constexpr factor_order<scale_type> scales() const { return {scale_rows(), groups()}; }
    constexpr factor_order<zero_type> zeros() const { return {scale_rows(), groups()}; }
    constexpr std::size_t scales_at() const { return codes().bytes(); }
    constexpr std::size_t zeros_at() const { return scales_at() + scales().bytes(); }
    constexpr std::size_t bytes() const { return zeros_at() + zeros().bytes(); }

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
        layout_.codes().read(data_, row, first, to);
    }

    scale_type scale(std::size_t row, std::size_t group) const {
        return layout_.scales().read(data_ + layout_.scales_at(), layout::scale_row(row), group);
    }
    zero_type zero(std::size_t row, std::size_t group) const {
        return layout_.zeros().read(data_ + layout_.zeros_at(), layout::scale_row(row), group);
    }

    /// The value of one element, by the storage's decode.
    float decode(std::size_t row, std::size_t column) const {
        std::size_t const group = group_of(column);
        return Storage::decode(code(row, column), scale(row, group), zero(row, group));
    }

private:
    std::byte const* data_ = nullptr;
    layout layout_;
};

}  // namespace nibble
