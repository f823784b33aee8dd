// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/numeric/error.hpp>
#include <nibble/tensor/line_allocator.hpp>
#include <nibble/tensor/panel_factors.hpp>
#include <nibble/tensor/planes.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace nibble {

/// The order in which SIMD lanes are output rows: 16 rows are a panel, 32 padded columns of it a chunk of 64 * bits
/// bytes. Each group of columns starts a whole chunk (a group of 16: half a chunk); what that leaves empty is padding
/// with code 0.
///
/// In a plane of width p, quad q (columns 4q ... 4q + 3 of the chunk) lies in the vector of 64 bytes q % p, in the bits
/// from (q / p) * p on; the byte in the vector is row * 4 + column % 4. Planes follow each other, chunks too.
template <class St>
struct cpu_panel {
    static constexpr std::size_t rows = 16;
    static constexpr std::size_t chunk_columns = 32;
    static constexpr std::size_t chunk_bytes = 64 * static_cast<std::size_t>(St::bits);
    static constexpr std::size_t group = static_cast<std::size_t>(St::group);  ///< 0: the whole row

    static constexpr std::size_t round_up(std::size_t x, std::size_t unit) { return (x + unit - 1) / unit * unit; }

    /// Padded columns from one group to the next; 0 where the row is one group.
    static constexpr std::size_t group_stride = group == 16 ? 16 : round_up(group, chunk_columns);

    static constexpr std::size_t groups(std::size_t k) {
        return group == 0 ? (k == 0 ? 0 : 1) : k / group + (k % group != 0 ? 1 : 0);
    }
    static constexpr std::size_t group_of(std::size_t column) {
        if constexpr (group == 0) {
            return 0;
        } else {
            return column / group;
        }
    }
    /// Columns of the group that exist.
    static constexpr std::size_t group_width(std::size_t g, std::size_t k) {
        return group == 0 ? k : (std::min)(group, k - g * group);
    }
    static constexpr std::size_t padded_column(std::size_t column) {
        if constexpr (group == 0) {
            return column;
        } else {
            return column / group * group_stride + column % group;
        }
    }
    static constexpr std::size_t padded_columns(std::size_t k) {
        return round_up(group == 0 ? k : groups(k) * group_stride, chunk_columns);
    }
    static constexpr std::size_t code_bytes(std::size_t k) { return padded_columns(k) / chunk_columns * chunk_bytes; }

    struct field {
        std::size_t byte;  ///< from the panel's first
        int shift;
        int width;
    };

    /// Where plane `plane` (an index into planes_of<St::bits>) of the code at (row of the panel, padded column) lies.
    static constexpr field at(std::size_t row, std::size_t padded, std::size_t plane) {
        auto const [width, first_bit] = planes_of<St::bits>[plane];
        auto const p = static_cast<std::size_t>(width);
        std::size_t const quad = padded % chunk_columns / 4;
        std::size_t const vector = static_cast<std::size_t>(first_bit) + quad % p;
        return {padded / chunk_columns * chunk_bytes + vector * 64 + row * 4 + padded % 4,
                static_cast<int>(quad / p * p), width};
    }
};

/// n x k codes in cpu_panel order with their scales and zeros, for the product on the CPU. Rows past n and columns past
/// k hold code 0, scale 0 and zero 0.
template <class St>
class cpu_panel_weights {
public:
    using storage = St;
    using layout = cpu_panel<St>;
    using scale_type = typename St::scale_type;
    using zero_type = typename St::zero_type;

    cpu_panel_weights() = default;

    /// Throws nibble::error if the bytes are more than a std::size_t counts.
    cpu_panel_weights(std::size_t n, std::size_t k) : n_(n), k_(k) {
        constexpr std::size_t limit = static_cast<std::size_t>(-1) / 4096;
        if (k > limit / layout::rows || (k != 0 && n / k > limit) || (k != 0 && n > limit / (k + 64) / 8)) {
            throw error("cpu_panel_weights of " + std::to_string(n) + " x " + std::to_string(k) +
                        " codes does not fit in memory; check the two counts");
        }
        scales_at_ = layout::code_bytes(k);
        zeros_at_ = layout::round_up(scales_at_ + panel_factors<scale_type>::bytes(groups()), 64);
        panel_bytes_ = layout::round_up(zeros_at_ + panel_factors<zero_type>::bytes(groups()), 64);
        detail::allocate([&] { storage_.resize(panels() * panel_bytes_); },
                         [&] { return "packed weights of " + std::to_string(n) + " x " + std::to_string(k); });
    }

    std::size_t n() const { return n_; }
    std::size_t k() const { return k_; }
    std::size_t groups() const { return layout::groups(k_); }
    std::size_t panels() const { return n_ / layout::rows + (n_ % layout::rows != 0 ? 1 : 0); }
    std::size_t bytes() const { return storage_.size(); }

    /// 64-byte aligned, layout::code_bytes(k) of them.
    std::uint8_t const* codes(std::size_t panel) const { return storage_.data() + panel * panel_bytes_; }
    panel_factors<scale_type> scales(std::size_t panel) const {
        return panel_factors<scale_type>::at(codes(panel) + scales_at_, groups());
    }
    panel_factors<zero_type> zeros(std::size_t panel) const {
        return panel_factors<zero_type>::at(codes(panel) + zeros_at_, groups());
    }

    /// Stores the codes of a chunk: `codes` holds 64 a quad, quad q's byte row * 4 + i is the code of (row of the
    /// panel, padded column chunk * 32 + 4 * q + i).
    void set_chunk(std::size_t panel, std::size_t chunk, std::array<std::uint8_t, 512> const& codes) {
        std::uint8_t* to = storage_.data() + panel * panel_bytes_ + chunk * layout::chunk_bytes;
        for (auto const [width, first_bit] : planes_of<St::bits>) {
            auto const vectors = static_cast<std::size_t>(width);
            unsigned const mask = (1u << width) - 1u;
            for (std::size_t v = 0; v < vectors; ++v, to += 64) {
                for (std::size_t i = 0; i < 64; ++i) {
                    unsigned byte = 0;
                    for (std::size_t quad = v; quad < 8; quad += vectors) {
                        byte |= (static_cast<unsigned>(codes[quad * 64 + i]) >> first_bit & mask) << (quad - v);
                    }
                    to[i] = static_cast<std::uint8_t>(byte);
                }
            }
        }
    }

    void set(std::size_t row, std::size_t column, unsigned code) {
        std::uint8_t* const bytes = storage_.data() + row / layout::rows * panel_bytes_;
        for (std::size_t plane = 0; plane < planes_of<St::bits>.size(); ++plane) {
            auto const [byte, shift, width] = layout::at(row % layout::rows, layout::padded_column(column), plane);
            unsigned const mask = ((1u << width) - 1u) << shift;
            unsigned const bits = code >> planes_of<St::bits>[plane].first_bit << shift & mask;
            bytes[byte] = static_cast<std::uint8_t>((bytes[byte] & ~mask) | bits);
        }
    }
    unsigned code(std::size_t row, std::size_t column) const {
        std::uint8_t const* const bytes = codes(row / layout::rows);
        unsigned result = 0;
        for (std::size_t plane = 0; plane < planes_of<St::bits>.size(); ++plane) {
            auto const [byte, shift, width] = layout::at(row % layout::rows, layout::padded_column(column), plane);
            unsigned const bits = static_cast<unsigned>(bytes[byte]) >> shift & ((1u << width) - 1u);
            result |= bits << planes_of<St::bits>[plane].first_bit;
        }
        return result;
    }

    void set_scale(std::size_t row, std::size_t group, scale_type scale, zero_type zero = {}) {
        scales(row / layout::rows).write(group, row % layout::rows, scale);
        zeros(row / layout::rows).write(group, row % layout::rows, zero);
    }
    scale_type scale(std::size_t row, std::size_t group) const {
        return scales(row / layout::rows).read(group, row % layout::rows);
    }
    zero_type zero(std::size_t row, std::size_t group) const {
        return zeros(row / layout::rows).read(group, row % layout::rows);
    }

    float decode(std::size_t row, std::size_t column) const {
        std::size_t const g = layout::group_of(column);
        return St::decode(code(row, column), scale(row, g), zero(row, g));
    }

private:
    std::size_t n_ = 0;
    std::size_t k_ = 0;
    std::size_t scales_at_ = 0;    ///< bytes from the panel's first
    std::size_t zeros_at_ = 0;     ///< bytes from the panel's first
    std::size_t panel_bytes_ = 0;  ///< whole lines of 64
    std::vector<std::uint8_t, detail::line_allocator<std::uint8_t>> storage_;
};

}  // namespace nibble
