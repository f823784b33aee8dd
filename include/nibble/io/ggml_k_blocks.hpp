// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/io/ggml_fields.hpp>
#include <nibble/io/ggml_type.hpp>
#include <nibble/numeric/f16.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

// ggml's K blocks: 256 codes in groups of 16 or 32, a group's scale a fine code times the block's f16 scale d.
//   value   d · fine · code                          Q3_K, Q6_K; code and fine are signed
//           d · fine · code − dmin · fine_offset     Q2_K, Q4_K, Q5_K; all unsigned
// Signed numbers are handed out as value + 2^(bits − 1), like every stored code of this library, and dmin as the scale
// of an offset that is added, −dmin: its sign bit flipped, so that every byte of a block survives reading and writing.
// Setters write their own bits only; no bit of a block is unused.
//   error   d · fine · code and dmin · fine_offset are exact in f32, at most 11 + 7 + 5 significant bits;
//           their difference is rounded once
//   source  ggml, ggml-common.h and ggml-quants.c

namespace nibble {

namespace detail {

constexpr f16 sign_flipped(f16 h) { return f16::from_bits(static_cast<std::uint16_t>(h.bits ^ 0x8000u)); }

/// The first 16 bytes of Q4_K and Q5_K: f16 d, f16 dmin, then 8 scales and 8 offsets of 6 bits in 12 bytes s:
///   group g < 4    scale s[g] bits 0–5, offset s[4 + g] bits 0–5
///   group g >= 4   low 4 bits: scale s[4 + g] bits 0–3, offset s[4 + g] bits 4–7
///                  high 2 bits: scale s[g − 4] bits 6–7, offset s[g] bits 6–7
struct ggml_six_bit_scales {
    static std::uint8_t fine_scale(std::byte const* block, std::size_t g) { return get(block + 4, g, 0); }
    static void set_fine_scale(std::byte* block, std::size_t g, std::uint8_t fine) { set(block + 4, g, 0, fine); }
    static std::uint8_t fine_offset(std::byte const* block, std::size_t g) { return get(block + 4, g, 1); }
    static void set_fine_offset(std::byte* block, std::size_t g, std::uint8_t fine) { set(block + 4, g, 1, fine); }
    static f16 super_scale(std::byte const* block) { return load_f16(block); }
    static void set_super_scale(std::byte* block, f16 d) { store_f16(block, d); }
    static f16 super_offset(std::byte const* block) { return sign_flipped(load_f16(block + 2)); }
    static void set_super_offset(std::byte* block, f16 offset) { store_f16(block + 2, sign_flipped(offset)); }

private:
    using nibbles = ggml_fields<4, 1>;  // a byte's halves
    using pairs = ggml_fields<2, 1>;    // a byte's quarters

    static std::uint8_t get(std::byte const* s, std::size_t g, std::size_t offset) {
        if (g < 4) {
            return static_cast<std::uint8_t>(static_cast<unsigned>(s[4 * offset + g]) & 63u);
        }
        std::byte const* const high = s + 4 * offset + g - 4;
        return static_cast<std::uint8_t>(nibbles::get(s + 4 + g, offset) | pairs::get(high, 3) << 4);
    }
    static void set(std::byte* s, std::size_t g, std::size_t offset, std::uint8_t fine) {
        if (g < 4) {
            std::byte& b = s[4 * offset + g];
            b = (b & std::byte{0xc0}) | (std::byte{fine} & std::byte{63});
        } else {
            nibbles::set(s + 4 + g, offset, fine);
            pairs::set(s + 4 * offset + g - 4, 3, static_cast<std::uint8_t>(fine >> 4));
        }
    }
};

}  // namespace detail

/// Q2_K: 16 bytes with a group's scale in the low half and its offset in the high one, codes [64], f16 d, f16 dmin.
struct ggml_block_q2_k {
    static constexpr std::string_view name = "Q2_K";
    static constexpr int bits = 2;
    static constexpr std::size_t count = 256;
    static constexpr std::size_t bytes = 84;
    static constexpr std::size_t groups = 16;
    static_assert(find_ggml_type(name)->bytes == bytes);

    static void codes(std::byte const* block, std::array<std::uint8_t, count>& to) {
        to = {};
        ggml_fields<2, 32>::read(block + 16, to);
    }
    static void set_codes(std::byte* block, std::array<std::uint8_t, count> const& from) {
        ggml_fields<2, 32>::write(block + 16, from);
    }
    static std::uint8_t fine_scale(std::byte const* block, std::size_t g) { return fines::get(block, g); }
    static void set_fine_scale(std::byte* block, std::size_t g, std::uint8_t fine) { fines::set(block, g, fine); }
    static std::uint8_t fine_offset(std::byte const* block, std::size_t g) { return fines::get(block, groups + g); }
    static void set_fine_offset(std::byte* block, std::size_t g, std::uint8_t fine) {
        fines::set(block, groups + g, fine);
    }
    static f16 super_scale(std::byte const* block) { return detail::load_f16(block + 80); }
    static void set_super_scale(std::byte* block, f16 d) { detail::store_f16(block + 80, d); }
    static f16 super_offset(std::byte const* block) { return detail::sign_flipped(detail::load_f16(block + 82)); }
    static void set_super_offset(std::byte* block, f16 offset) {
        detail::store_f16(block + 82, detail::sign_flipped(offset));
    }

private:
    using fines = ggml_fields<4, groups>;
};

/// Q3_K: bit 2 of the codes [32], their bits 0–1 [64], bits 0–3 of the scales [8], their bits 4–5 [4], f16 d.
struct ggml_block_q3_k {
    static constexpr std::string_view name = "Q3_K";
    static constexpr int bits = 3;
    static constexpr std::size_t count = 256;
    static constexpr std::size_t bytes = 110;
    static constexpr std::size_t groups = 16;
    static_assert(find_ggml_type(name)->bytes == bytes);

    static void codes(std::byte const* block, std::array<std::uint8_t, count>& to) {
        to = {};
        ggml_fields<2, 32>::read(block + 32, to);
        ggml_fields<1, 32>::read(block, to, 2);
    }
    static void set_codes(std::byte* block, std::array<std::uint8_t, count> const& from) {
        ggml_fields<2, 32>::write(block + 32, from);
        ggml_fields<1, 32>::write(block, from, 2);
    }
    static std::uint8_t fine_scale(std::byte const* block, std::size_t g) {
        return static_cast<std::uint8_t>(low::get(block + 96, g) | high::get(block + 104, g) << 4);
    }
    static void set_fine_scale(std::byte* block, std::size_t g, std::uint8_t fine) {
        low::set(block + 96, g, fine);
        high::set(block + 104, g, static_cast<std::uint8_t>(fine >> 4));
    }
    static f16 super_scale(std::byte const* block) { return detail::load_f16(block + 108); }
    static void set_super_scale(std::byte* block, f16 d) { detail::store_f16(block + 108, d); }

private:
    using low = ggml_fields<4, 8>;
    using high = ggml_fields<2, 4>;
};

/// Q4_K: scales and offsets [16], codes [128].
struct ggml_block_q4_k : detail::ggml_six_bit_scales {
    static constexpr std::string_view name = "Q4_K";
    static constexpr int bits = 4;
    static constexpr std::size_t count = 256;
    static constexpr std::size_t bytes = 144;
    static constexpr std::size_t groups = 8;
    static_assert(find_ggml_type(name)->bytes == bytes);

    static void codes(std::byte const* block, std::array<std::uint8_t, count>& to) {
        to = {};
        ggml_fields<4, 32>::read(block + 16, to);
    }
    static void set_codes(std::byte* block, std::array<std::uint8_t, count> const& from) {
        ggml_fields<4, 32>::write(block + 16, from);
    }
};

/// Q5_K: scales and offsets [16], bit 4 of the codes [32], their bits 0–3 [128].
struct ggml_block_q5_k : detail::ggml_six_bit_scales {
    static constexpr std::string_view name = "Q5_K";
    static constexpr int bits = 5;
    static constexpr std::size_t count = 256;
    static constexpr std::size_t bytes = 176;
    static constexpr std::size_t groups = 8;
    static_assert(find_ggml_type(name)->bytes == bytes);

    static void codes(std::byte const* block, std::array<std::uint8_t, count>& to) {
        to = {};
        ggml_fields<4, 32>::read(block + 48, to);
        ggml_fields<1, 32>::read(block + 16, to, 4);
    }
    static void set_codes(std::byte* block, std::array<std::uint8_t, count> const& from) {
        ggml_fields<4, 32>::write(block + 48, from);
        ggml_fields<1, 32>::write(block + 16, from, 4);
    }
};

/// Q6_K: bits 0–3 of the codes [128], their bits 4–5 [64], int8 scales [16], f16 d.
struct ggml_block_q6_k {
    static constexpr std::string_view name = "Q6_K";
    static constexpr int bits = 6;
    static constexpr std::size_t count = 256;
    static constexpr std::size_t bytes = 210;
    static constexpr std::size_t groups = 16;
    static_assert(find_ggml_type(name)->bytes == bytes);

    static void codes(std::byte const* block, std::array<std::uint8_t, count>& to) {
        to = {};
        ggml_fields<4, 64>::read(block, to);
        ggml_fields<2, 32>::read(block + 128, to, 4);
    }
    static void set_codes(std::byte* block, std::array<std::uint8_t, count> const& from) {
        ggml_fields<4, 64>::write(block, from);
        ggml_fields<2, 32>::write(block + 128, from, 4);
    }
    static std::uint8_t fine_scale(std::byte const* block, std::size_t g) {
        return static_cast<std::uint8_t>(block[192 + g] ^ std::byte{0x80});
    }
    static void set_fine_scale(std::byte* block, std::size_t g, std::uint8_t fine) {
        block[192 + g] = std::byte{fine} ^ std::byte{0x80};
    }
    static f16 super_scale(std::byte const* block) { return detail::load_f16(block + 208); }
    static void set_super_scale(std::byte* block, f16 d) { detail::store_f16(block + 208, d); }
};

}  // namespace nibble
