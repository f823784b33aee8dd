// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/io/ggml_fields.hpp>
#include <nibble/io/ggml_type.hpp>
#include <nibble/numeric/f16.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace nibble {

/// One block of 32 codes of Q4_0, Q4_1, Q5_0, Q5_1 or Q8_0, by byte:
///   scale f16 [, offset f16] [, bit 4 of the codes as u32], then the codes' low 4 bits, element j in the low half of
///   byte j, element j + 16 in its high half; Q8_0: 32 signed bytes
///   source  ggml, ggml-common.h
template <int Bits, bool HasOffset>
struct ggml_plain_block {
    static constexpr std::string_view name = Bits == 8   ? "Q8_0"
                                             : Bits == 5 ? (HasOffset ? "Q5_1" : "Q5_0")
                                                         : (HasOffset ? "Q4_1" : "Q4_0");
    static constexpr int bits = Bits;
    static constexpr std::size_t count = 32;
    static constexpr std::size_t groups = 1;
    static constexpr std::size_t high_at = HasOffset ? 4 : 2;
    static constexpr std::size_t low_at = high_at + (Bits == 5 ? 4 : 0);
    static constexpr std::size_t bytes = low_at + (Bits == 8 ? 32 : 16);
    static_assert(find_ggml_type(name)->bytes == bytes);

    static f16 scale(std::byte const* block, std::size_t) { return detail::load_f16(block); }
    static void set_scale(std::byte* block, std::size_t, f16 scale) { detail::store_f16(block, scale); }
    static f16 offset(std::byte const* block, std::size_t)
        requires HasOffset
    {
        return detail::load_f16(block + 2);
    }
    static void set_offset(std::byte* block, std::size_t, f16 offset)
        requires HasOffset
    {
        detail::store_f16(block + 2, offset);
    }

    static void codes(std::byte const* block, std::array<std::uint8_t, count>& to) {
        std::array<std::uint8_t, bytes> b;
        std::memcpy(b.data(), block, bytes);
        if constexpr (Bits == 8) {
            for (std::size_t j = 0; j < 32; ++j) {
                to[j] = static_cast<std::uint8_t>(b[low_at + j] ^ 0x80u);  // signed code + 128
            }
        } else {
            for (std::size_t j = 0; j < 16; ++j) {
                to[j] = static_cast<std::uint8_t>(b[low_at + j] & 15u);
                to[j + 16] = static_cast<std::uint8_t>(b[low_at + j] >> 4);
            }
            if constexpr (Bits == 5) {
                for (std::size_t j = 0; j < 32; ++j) {
                    to[j] = static_cast<std::uint8_t>(to[j] | (b[high_at + j / 8] >> (j % 8) & 1u) << 4);
                }
            }
        }
    }

    static void set_codes(std::byte* block, std::array<std::uint8_t, count> const& from) {
        std::array<std::uint8_t, bytes> b{};
        if constexpr (Bits == 8) {
            for (std::size_t j = 0; j < 32; ++j) {
                b[low_at + j] = static_cast<std::uint8_t>(from[j] ^ 0x80u);
            }
        } else {
            for (std::size_t j = 0; j < 16; ++j) {
                b[low_at + j] = static_cast<std::uint8_t>((from[j] & 15u) | (from[j + 16] & 15u) << 4);
            }
            if constexpr (Bits == 5) {
                for (std::size_t j = 0; j < 32; ++j) {
                    b[high_at + j / 8] = static_cast<std::uint8_t>(b[high_at + j / 8] | (from[j] >> 4) << (j % 8));
                }
            }
        }
        std::memcpy(block + high_at, &b[high_at], bytes - high_at);
    }
};

}  // namespace nibble
