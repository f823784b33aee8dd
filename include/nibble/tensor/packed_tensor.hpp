// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/numeric/error.hpp>
#include <nibble/scheme/storage.hpp>
#include <nibble/tensor/planes.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace nibble {

/// A quantized matrix [rows, columns] in storage order: the codes as bit planes, then one scale (and zero) a group.
///   planes  a width is the sum of its binary digits: 7 bits are a plane of 4, one of 2 and one of 1; the widest
///           holds the lowest bits of the code. In a plane of p bits, column c of a row is at bit (c · p) mod 8 of
///           byte c · p / 8, so no code straddles a byte; rows start at whole bytes
///   groups  group g of a row covers columns [g · group, (g + 1) · group), the last one may be shorter
template <class Storage>
class packed_tensor {
public:
    using storage = Storage;
    using scale_type = typename Storage::scale_type;
    using zero_type = typename Storage::zero_type;

    packed_tensor() = default;

    /// All codes 0, all scales and zeros value-initialized. Throws nibble::error where the tail is to be rejected.
    packed_tensor(std::size_t rows, std::size_t columns) : rows_(rows), columns_(columns) {
        if (std::same_as<typename Storage::tail, reject_tail> && Storage::group != 0 && columns % Storage::group != 0) {
            throw error("A row of " + std::to_string(columns) + " columns is not a whole number of groups of " +
                        std::to_string(Storage::group) + "; use a scheme with short_group or another group size.");
        }
        std::size_t bytes = 0;
        for (code_plane const plane : planes_of<Storage::bits>) {
            bytes += rows * row_bytes(plane);
        }
        codes_.resize(bytes);
        scales_.resize(is_per_tensor ? std::size_t{rows * columns != 0} : rows * groups());
        if constexpr (has_zero) {
            zeros_.resize(scales_.size());
        }
    }

    std::size_t rows() const { return rows_; }
    std::size_t columns() const { return columns_; }

    /// Groups in a row: at least one where there are columns.
    std::size_t groups() const {
        return Storage::group == 0 ? std::size_t{columns_ != 0} : (columns_ + Storage::group - 1) / Storage::group;
    }
    static constexpr std::size_t group_of(std::size_t column) {
        return Storage::group == 0 ? 0 : column / Storage::group;
    }

    unsigned code(std::size_t row, std::size_t column) const {
        unsigned code = 0;
        std::size_t start = 0;
        for (code_plane const plane : planes_of<Storage::bits>) {
            std::size_t const bit = column * static_cast<std::size_t>(plane.width);
            unsigned const byte = codes_[start + row * row_bytes(plane) + bit / 8];
            code |= (byte >> (bit % 8) & ((1u << plane.width) - 1u)) << plane.first_bit;
            start += rows_ * row_bytes(plane);
        }
        return code;
    }

    /// Stores `code` < 2^bits.
    void set_code(std::size_t row, std::size_t column, unsigned code) {
        std::size_t start = 0;
        for (code_plane const plane : planes_of<Storage::bits>) {
            std::size_t const bit = column * static_cast<std::size_t>(plane.width);
            std::uint8_t& byte = codes_[start + row * row_bytes(plane) + bit / 8];
            unsigned const mask = ((1u << plane.width) - 1u) << (bit % 8);
            byte = static_cast<std::uint8_t>((byte & ~mask) | ((code >> plane.first_bit << (bit % 8)) & mask));
            start += rows_ * row_bytes(plane);
        }
    }

    scale_type scale(std::size_t row, std::size_t group) const { return scales_[index(row, group)]; }
    zero_type zero(std::size_t row, std::size_t group) const {
        if constexpr (has_zero) {
            return zeros_[index(row, group)];
        } else {
            return {};
        }
    }
    void set_scale(std::size_t row, std::size_t group, scale_type scale, zero_type zero) {
        scales_[index(row, group)] = scale;
        if constexpr (has_zero) {
            zeros_[index(row, group)] = zero;
        }
    }

    /// The value of one element, by the storage's decode.
    float decode(std::size_t row, std::size_t column) const {
        std::size_t const group = group_of(column);
        return Storage::decode(code(row, column), scale(row, group), zero(row, group));
    }

    /// Bytes of codes, scales and zeros together.
    std::size_t bytes() const {
        return codes_.size() + scales_.size() * sizeof(scale_type) + zeros_.size() * (has_zero ? sizeof(zero_type) : 0);
    }

    friend bool operator==(packed_tensor const&, packed_tensor const&) = default;

private:
    static constexpr bool has_zero = !std::same_as<zero_type, no_zero>;
    static constexpr bool is_per_tensor = std::same_as<typename Storage::granularity, per_tensor>;

    std::size_t row_bytes(code_plane plane) const { return (columns_ * static_cast<std::size_t>(plane.width) + 7) / 8; }
    std::size_t index(std::size_t row, std::size_t group) const { return is_per_tensor ? 0 : row * groups() + group; }

    std::size_t rows_ = 0;
    std::size_t columns_ = 0;
    std::vector<std::uint8_t> codes_;
    std::vector<scale_type> scales_;
    std::vector<zero_type> zeros_;
};

}  // namespace nibble
