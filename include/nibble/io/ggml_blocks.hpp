// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/io/ggml_type.hpp>
#include <nibble/scheme/presets.hpp>
#include <nibble/tensor/packed_matrix.hpp>

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>

namespace nibble {

/// The name of ggml's type for a storage; empty where ggml has none.
template <class Storage>
inline constexpr std::string_view ggml_name_of = {};
template <>
inline constexpr std::string_view ggml_name_of<storage_of<q4_0>> = "Q4_0";
template <>
inline constexpr std::string_view ggml_name_of<storage_of<q4_1>> = "Q4_1";
template <>
inline constexpr std::string_view ggml_name_of<storage_of<q5_0>> = "Q5_0";
template <>
inline constexpr std::string_view ggml_name_of<storage_of<q5_1>> = "Q5_1";
template <>
inline constexpr std::string_view ggml_name_of<storage_of<q8_0>> = "Q8_0";

/// One block of 32 codes of Q4_0, Q4_1, Q5_0, Q5_1 or Q8_0, by byte:
///   scale f16 [, offset f16] [, bit 4 of the codes as u32], then the codes' low 4 bits, element j in the low half of
///   byte j, element j + 16 in its high half; Q8_0: 32 signed bytes
///   source  ggml, ggml-common.h
template <class Storage>
struct ggml_block {
    static constexpr std::size_t count = 32;
    static constexpr bool has_zero = !std::is_empty_v<typename Storage::zero_type>;
    static constexpr std::size_t high_at = has_zero ? 4 : 2;
    static constexpr std::size_t low_at = high_at + (Storage::bits == 5 ? 4 : 0);
    static constexpr std::size_t bytes = low_at + (Storage::bits == 8 ? 32 : 16);
    static_assert(find_ggml_type(ggml_name_of<Storage>)->bytes == bytes);

    static void codes(std::byte const* block, std::array<std::uint8_t, count>& to) {
        std::array<std::uint8_t, bytes> b;
        std::memcpy(b.data(), block, bytes);
        if constexpr (Storage::bits == 8) {
            for (std::size_t j = 0; j < 32; ++j) {
                to[j] = static_cast<std::uint8_t>(b[low_at + j] ^ 0x80u);  // signed code + 128
            }
        } else {
            for (std::size_t j = 0; j < 16; ++j) {
                to[j] = static_cast<std::uint8_t>(b[low_at + j] & 15u);
                to[j + 16] = static_cast<std::uint8_t>(b[low_at + j] >> 4);
            }
            if constexpr (Storage::bits == 5) {
                for (std::size_t j = 0; j < 32; ++j) {
                    to[j] = static_cast<std::uint8_t>(to[j] | (b[high_at + j / 8] >> (j % 8) & 1u) << 4);
                }
            }
        }
    }

    static void set_codes(std::byte* block, std::array<std::uint8_t, count> const& from) {
        std::array<std::uint8_t, bytes> b{};
        if constexpr (Storage::bits == 8) {
            for (std::size_t j = 0; j < 32; ++j) {
                b[low_at + j] = static_cast<std::uint8_t>(from[j] ^ 0x80u);
            }
        } else {
            for (std::size_t j = 0; j < 16; ++j) {
                b[low_at + j] = static_cast<std::uint8_t>((from[j] & 15u) | (from[j + 16] & 15u) << 4);
            }
            if constexpr (Storage::bits == 5) {
                for (std::size_t j = 0; j < 32; ++j) {
                    b[high_at + j / 8] = static_cast<std::uint8_t>(b[high_at + j / 8] | (from[j] >> 4) << (j % 8));
                }
            }
        }
        std::memcpy(block + high_at, &b[high_at], bytes - high_at);
    }
};

/// A matrix as ggml's blocks in bytes owned by someone else, which may start at any address.
template <class Storage>
class ggml_blocks {
public:
    using storage = Storage;
    using block = ggml_block<Storage>;
    using scale_type = typename Storage::scale_type;
    using zero_type = typename Storage::zero_type;

    /// columns is a multiple of 32; `data` holds rows * columns / 32 blocks.
    ggml_blocks(std::byte const* data, std::size_t rows, std::size_t columns)
        : data_(data), rows_(rows), columns_(columns) {}

    std::size_t rows() const { return rows_; }
    std::size_t columns() const { return columns_; }
    std::size_t groups() const { return columns_ / block::count; }

    scale_type scale(std::size_t row, std::size_t group) const { return load<scale_type>(at(row, group)); }
    zero_type zero(std::size_t row, std::size_t group) const {
        if constexpr (block::has_zero) {
            return load<zero_type>(at(row, group) + sizeof(scale_type));
        } else {
            return {};
        }
    }
    void codes(std::size_t row, std::size_t first, std::span<std::uint8_t> to) const {
        std::array<std::uint8_t, block::count> all;
        for (std::size_t done = 0; done < to.size();) {
            std::size_t const in_block = (first + done) % block::count;
            std::size_t const count = (std::min)(block::count - in_block, to.size() - done);
            block::codes(at(row, (first + done) / block::count), all);
            std::copy_n(all.begin() + static_cast<std::ptrdiff_t>(in_block), count,
                        to.begin() + static_cast<std::ptrdiff_t>(done));
            done += count;
        }
    }

private:
    std::byte const* at(std::size_t row, std::size_t group) const {
        return data_ + (row * groups() + group) * block::bytes;
    }
    template <class T>
    static T load(std::byte const* from) {
        T value;
        std::memcpy(&value, from, sizeof value);
        return value;
    }

    std::byte const* data_;
    std::size_t rows_;
    std::size_t columns_;
};

/// Row `row` of `w` as ggml's blocks, columns / 32 * ggml_block::bytes of them.
template <packed_matrix M>
void write_ggml_row(M const& w, std::size_t row, std::byte* to) {
    using block = ggml_block<typename M::storage>;
    std::array<std::uint8_t, block::count> codes;
    for (std::size_t g = 0; g < w.groups(); ++g, to += block::bytes) {
        auto const scale = w.scale(row, g);
        std::memcpy(to, &scale, sizeof scale);
        if constexpr (block::has_zero) {
            auto const zero = w.zero(row, g);
            std::memcpy(to + sizeof scale, &zero, sizeof zero);
        }
        w.codes(row, g * block::count, codes);
        block::set_codes(to, codes);
    }
}

}  // namespace nibble
