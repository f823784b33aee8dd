// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/numeric/host_device.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace nibble {

/// Some bits of one code, all in one plane.
struct code_plane {
    int width;      ///< bits: 8, 4, 2 or 1, so that no field straddles a byte
    int first_bit;  ///< of the code
};

namespace detail {

constexpr std::size_t plane_count(int bits) {
    std::size_t count = 0;
    for (int width = 8; width != 0; width /= 2) {
        count += (bits & width) != 0 ? 1u : 0u;
    }
    return count;
}

}  // namespace detail

/// A code of Bits bits as planes, the widest first and on the lowest bits: 7 = 4 + 2 + 1, 3 = 2 + 1, 8 = 8.
template <int Bits>
    requires(Bits >= 1 && Bits <= 8)
inline constexpr auto planes_of = [] {
    std::array<code_plane, detail::plane_count(Bits)> planes{};
    std::size_t next = 0;
    int first_bit = 0;
    for (int width = 8; width != 0; width /= 2) {
        if ((Bits & width) != 0) {
            planes[next++] = {width, first_bit};
            first_bit += width;
        }
    }
    return planes;
}();

/// A matrix of codes of Bits bits as planes, one after the other, each row after row without padding but to whole
/// bytes. In a plane of p bits, column c of a row is at bit (c · p) mod 8 of byte c · p / 8, so no code straddles a
/// byte.
template <int Bits>
struct plane_order {
    std::size_t rows = 0;
    std::size_t columns = 0;

    constexpr std::size_t row_bytes(code_plane plane) const {
        return (columns * static_cast<std::size_t>(plane.width) + 7) / 8;
    }
    constexpr std::size_t bytes() const {
        std::size_t total = 0;
        for (code_plane const plane : planes_of<Bits>) {
            total += rows * row_bytes(plane);
        }
        return total;
    }

    /// The codes of `to.size()` neighbouring columns of a row, from column `first` on.
    constexpr void read(std::byte const* from, std::size_t row, std::size_t first, std::span<std::uint8_t> to) const {
        bool lowest = true;
        for (code_plane const plane : planes_of<Bits>) {
            std::byte const* const bytes = from + row * row_bytes(plane);
            auto const width = static_cast<std::size_t>(plane.width);
            unsigned const mask = (1u << width) - 1u;
            for (std::size_t i = 0; i < to.size(); ++i) {
                std::size_t const bit = (first + i) * width;
                unsigned const field = static_cast<unsigned>(bytes[bit / 8]) >> (bit % 8) & mask;
                to[i] = static_cast<std::uint8_t>((lowest ? 0u : to[i]) | field << plane.first_bit);
            }
            lowest = false;
            from += rows * row_bytes(plane);
        }
    }

    /// Stores codes < 2^Bits in neighbouring columns of a row, from column `first` on.
    constexpr void write(std::byte* to, std::size_t row, std::size_t first, std::span<std::uint8_t const> from) const {
        for (code_plane const plane : planes_of<Bits>) {
            std::byte* const bytes = to + row * row_bytes(plane);
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
                std::byte& into = bytes[column / in_byte];
                into = static_cast<std::byte>((static_cast<unsigned>(into) & ~mask) | byte);
            }
            to += rows * row_bytes(plane);
        }
    }

    friend bool operator==(plane_order const&, plane_order const&) = default;
};

}  // namespace nibble
