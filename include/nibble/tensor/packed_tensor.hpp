// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/numeric/error.hpp>
#include <nibble/scheme/storage.hpp>
#include <nibble/tensor/packed_view.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <vector>

namespace nibble {

/// A quantized matrix [rows, columns] that owns its bytes, in the order of packed_layout.
template <class Storage>
class packed_tensor {
public:
    using storage = Storage;
    using layout = packed_layout<Storage>;
    using scale_type = typename Storage::scale_type;
    using zero_type = typename Storage::zero_type;

    packed_tensor() = default;

    /// All codes 0, all scales and zeros 0. Throws nibble::error where the tail is to be rejected.
    packed_tensor(std::size_t rows, std::size_t columns) : layout_{rows, columns} {
        if (std::same_as<typename Storage::tail, reject_tail> && Storage::group != 0 && columns % Storage::group != 0) {
            throw error("A row of " + std::to_string(columns) + " columns is not a whole number of groups of " +
                        std::to_string(Storage::group) + "; use a scheme with short_group or another group size.");
        }
        if (!layout_.fits()) {
            throw error("Codes of " + std::to_string(rows) + " x " + std::to_string(columns) +
                        " are more than memory holds; check the two counts.");
        }
        detail::allocate([&] { bytes_.resize(layout_.bytes()); },
                         [&] { return "codes of " + std::to_string(rows) + " x " + std::to_string(columns); });
    }

    packed_view<Storage> view() const { return {bytes_.data(), layout_.rows, layout_.columns}; }
    operator packed_view<Storage>() const { return view(); }

    std::size_t rows() const { return layout_.rows; }
    std::size_t columns() const { return layout_.columns; }
    std::size_t groups() const { return layout_.groups(); }
    static constexpr std::size_t group_of(std::size_t column) { return layout::group_of(column); }
    std::size_t bytes() const { return bytes_.size(); }

    unsigned code(std::size_t row, std::size_t column) const { return view().code(row, column); }
    void codes(std::size_t row, std::size_t first, std::span<std::uint8_t> to) const { view().codes(row, first, to); }
    scale_type scale(std::size_t row, std::size_t group) const { return view().scale(row, group); }
    zero_type zero(std::size_t row, std::size_t group) const { return view().zero(row, group); }
    float decode(std::size_t row, std::size_t column) const { return view().decode(row, column); }

    /// Stores `code` < 2^bits.
    void set_code(std::size_t row, std::size_t column, unsigned code) {
        auto const byte = static_cast<std::uint8_t>(code);
        set_codes(row, column, {&byte, 1});
    }

    /// Stores codes < 2^bits in neighbouring columns of a row, from column `first` on.
    void set_codes(std::size_t row, std::size_t first, std::span<std::uint8_t const> from) {
        std::byte* plane_start = bytes_.data();
        for (code_plane const plane : planes_of<Storage::bits>) {
            std::byte* const bytes = plane_start + row * layout_.row_bytes(plane);
            auto const width = static_cast<std::size_t>(plane.width);
            unsigned const field = (1u << width) - 1u;
            std::size_t const in_byte = 8 / width;
            for (std::size_t i = 0; i < from.size();) {
                std::size_t const column = first + i;
                unsigned byte = 0;
                if (column % in_byte == 0 && from.size() - i >= in_byte) {  // a byte of its own
                    for (std::size_t slot = 0; slot < in_byte; ++slot, ++i) {
                        byte |= (static_cast<unsigned>(from[i]) >> plane.first_bit & field) << (slot * width);
                    }
                    bytes[column / in_byte] = static_cast<std::byte>(byte);
                    continue;
                }
                unsigned mask = 0;
                for (std::size_t slot = column % in_byte; slot < in_byte && i < from.size(); ++slot, ++i) {
                    byte |= (static_cast<unsigned>(from[i]) >> plane.first_bit & field) << (slot * width);
                    mask |= field << (slot * width);
                }
                std::byte& to = bytes[column / in_byte];
                to = static_cast<std::byte>((static_cast<unsigned>(to) & ~mask) | byte);
            }
            plane_start += layout_.rows * layout_.row_bytes(plane);
        }
    }

    void set_scale(std::size_t row, std::size_t group, scale_type scale, [[maybe_unused]] zero_type zero) {
        std::size_t const index = layout_.scale_index(row, group);
        std::memcpy(bytes_.data() + layout_.scales_at() + index * sizeof(scale), &scale, sizeof(scale));
        if constexpr (layout::has_zero) {
            std::memcpy(bytes_.data() + layout_.zeros_at() + index * sizeof(zero), &zero, sizeof(zero));
        }
    }

    friend bool operator==(packed_tensor const&, packed_tensor const&) = default;

private:
    layout layout_;
    std::vector<std::byte> bytes_;
};

}  // namespace nibble
