// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/io/ggml_fields.hpp>
#include <nibble/io/ggml_type.hpp>
#include <nibble/numeric/e4m3.hpp>
#include <nibble/numeric/e8m0.hpp>
#include <nibble/numeric/f16.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

// ggml's blocks whose codes name levels: value = scale · level(code), exact in f32 where it does not overflow.
// Setters write their own bits only; no bit of a block is unused. Of e2m1 ggml reads code 8, −0, as +0.
//   source  ggml, ggml-common.h, ggml-impl.h and ggml-quants.c

namespace nibble {

/// TQ2_0: codes [64] meaning code − 1, f16 scale. Code 3 means 2; ggml reads it and never writes it.
struct ggml_block_tq2_0 {
    static constexpr std::string_view name = "TQ2_0";
    static constexpr int bits = 2;
    static constexpr std::size_t count = 256;
    static constexpr std::size_t bytes = 66;
    static constexpr std::size_t groups = 1;
    static_assert(find_ggml_type(name)->bytes == bytes);

    static void codes(std::byte const* block, std::array<std::uint8_t, count>& to) {
        to = {};
        ggml_fields<2, 32>::read(block, to);
    }
    static void set_codes(std::byte* block, std::array<std::uint8_t, count> const& from) {
        ggml_fields<2, 32>::write(block, from);
    }
    static f16 scale(std::byte const* block, std::size_t) { return detail::load_f16(block + 64); }
    static void set_scale(std::byte* block, std::size_t, f16 d) { detail::store_f16(block + 64, d); }
};

/// IQ4_NL: f16 scale, codes [16] into a table of 16 integers.
struct ggml_block_iq4_nl {
    static constexpr std::string_view name = "IQ4_NL";
    static constexpr int bits = 4;
    static constexpr std::size_t count = 32;
    static constexpr std::size_t bytes = 18;
    static constexpr std::size_t groups = 1;
    static_assert(find_ggml_type(name)->bytes == bytes);

    static void codes(std::byte const* block, std::array<std::uint8_t, count>& to) {
        to = {};
        ggml_fields<4, 16>::read(block + 2, to);
    }
    static void set_codes(std::byte* block, std::array<std::uint8_t, count> const& from) {
        ggml_fields<4, 16>::write(block + 2, from);
    }
    static f16 scale(std::byte const* block, std::size_t) { return detail::load_f16(block); }
    static void set_scale(std::byte* block, std::size_t, f16 d) { detail::store_f16(block, d); }
};

/// MXFP4: e8m0 scale, codes [16] in e2m1. ggml reads scale 255, NaN in e8m0, as 2^128.
struct ggml_block_mxfp4 {
    static constexpr std::string_view name = "MXFP4";
    static constexpr int bits = 4;
    static constexpr std::size_t count = 32;
    static constexpr std::size_t bytes = 17;
    static constexpr std::size_t groups = 1;
    static_assert(find_ggml_type(name)->bytes == bytes);

    static void codes(std::byte const* block, std::array<std::uint8_t, count>& to) {
        to = {};
        ggml_fields<4, 16>::read(block + 1, to);
    }
    static void set_codes(std::byte* block, std::array<std::uint8_t, count> const& from) {
        ggml_fields<4, 16>::write(block + 1, from);
    }
    static e8m0 scale(std::byte const* block, std::size_t) {
        return e8m0::from_bits(static_cast<std::uint8_t>(block[0]));
    }
    static void set_scale(std::byte* block, std::size_t, e8m0 scale) { block[0] = std::byte{scale.bits}; }
};

/// NVFP4: e4m3 scales of 4 groups of 16, codes [32] in e2m1. There is no scale of the whole matrix.
///   ggml reads scale byte 127, NaN in e4m3, as zero; of 128 … 255, negative in e4m3, it reads the magnitude, of 255
///   480: it never writes them
struct ggml_block_nvfp4 {
    static constexpr std::string_view name = "NVFP4";
    static constexpr int bits = 4;
    static constexpr std::size_t count = 64;
    static constexpr std::size_t bytes = 36;
    static constexpr std::size_t groups = 4;
    static constexpr bool has_unsigned_scales = true;
    static_assert(find_ggml_type(name)->bytes == bytes);

    static void codes(std::byte const* block, std::array<std::uint8_t, count>& to) {
        to = {};
        ggml_fields<4, 8>::read(block + 4, to);
    }
    static void set_codes(std::byte* block, std::array<std::uint8_t, count> const& from) {
        ggml_fields<4, 8>::write(block + 4, from);
    }
    static e4m3 scale(std::byte const* block, std::size_t g) {
        return e4m3::from_bits(static_cast<std::uint8_t>(block[g]));
    }
    static void set_scale(std::byte* block, std::size_t g, e4m3 scale) { block[g] = std::byte{scale.bits}; }
};

}  // namespace nibble
