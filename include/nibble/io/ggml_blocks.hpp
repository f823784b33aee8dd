// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/io/ggml_block.hpp>
#include <nibble/tensor/packed_matrix.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace nibble {

/// A matrix as ggml's blocks in bytes owned by someone else, which may start at any address.
template <class Storage>
class ggml_blocks {
public:
    using storage = Storage;
    using block = ggml_block<Storage>;
    using scale_type = typename Storage::scale_type;
    using zero_type = typename Storage::zero_type;
    static_assert(Storage::bits == block::bits && Storage::group == block::count / block::groups);

    /// columns is a multiple of block::count; `data` holds rows * columns / block::count blocks.
    ggml_blocks(std::byte const* data, std::size_t rows, std::size_t columns)
        : data_(data), rows_(rows), columns_(columns) {}

    std::size_t rows() const { return rows_; }
    std::size_t columns() const { return columns_; }
    std::size_t groups() const { return columns_ / Storage::group; }

    scale_type scale(std::size_t row, std::size_t group) const {
        std::byte const* const b = at(row, group / block::groups);
        if constexpr (is_two_level<scale_type>) {
            return {scale_type::fine_type::from_bits(block::fine_scale(b, group % block::groups)),
                    block::super_scale(b)};
        } else {
            return block::scale(b, group % block::groups);
        }
    }
    zero_type zero(std::size_t row, std::size_t group) const {
        [[maybe_unused]] std::byte const* const b = at(row, group / block::groups);
        if constexpr (is_two_level<zero_type>) {
            return {zero_type::fine_type::from_bits(block::fine_offset(b, group % block::groups)),
                    block::super_offset(b)};
        } else if constexpr (Storage::has_zero) {
            return block::offset(b, group % block::groups);
        } else {
            return {};
        }
    }
    void codes(std::size_t row, std::size_t first, std::span<std::uint8_t> to) const {
        std::array<std::uint8_t, block::count> all;
        while (!to.empty()) {
            std::size_t const in_block = first % block::count;
            std::size_t const count = (std::min)(block::count - in_block, to.size());
            block::codes(at(row, first / block::count), all);
            std::copy_n(all.data() + in_block, count, to.data());
            first += count;
            to = to.subspan(count);
        }
    }

private:
    std::byte const* at(std::size_t row, std::size_t index) const {
        return data_ + (row * (columns_ / block::count) + index) * block::bytes;
    }

    std::byte const* data_;
    std::size_t rows_;
    std::size_t columns_;
};

/// Row `row` of `w` as ggml's blocks, columns / count * bytes bytes of them. A super scale that a block's groups share
/// is taken from the last of them.
template <packed_matrix M>
void write_ggml_row(M const& w, std::size_t row, std::byte* to) {
    using St = typename M::storage;
    using block = ggml_block<St>;
    std::array<std::uint8_t, block::count> codes;
    for (std::size_t b = 0; b < w.columns() / block::count; ++b, to += block::bytes) {
        for (std::size_t g = 0; g < block::groups; ++g) {
            auto const scale = w.scale(row, b * block::groups + g);
            [[maybe_unused]] auto const zero = w.zero(row, b * block::groups + g);
            if constexpr (is_two_level<typename St::scale_type>) {
                block::set_fine_scale(to, g, scale.fine.bits);
                block::set_super_scale(to, scale.super);
            } else {
                block::set_scale(to, g, scale);
            }
            if constexpr (is_two_level<typename St::zero_type>) {
                block::set_fine_offset(to, g, zero.fine.bits);
                block::set_super_offset(to, zero.super);
            } else if constexpr (St::has_zero) {
                block::set_offset(to, g, zero);
            }
        }
        w.codes(row, b * block::count, codes);
        block::set_codes(to, codes);
    }
}

}  // namespace nibble
