// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/numeric/float_bits.hpp>
#include <nibble/numeric/host_device.hpp>  // NIBBLE_HD

#include <cstdint>

namespace nibble {

/// bfloat16: the upper half of a binary32. A storage type: no arithmetic.
///   from f32 nearest, ties to even; subnormals kept; NaN stays NaN (quiet bit set, payload truncated)
///   to f32   exact
struct bf16 {
    std::uint16_t bits = 0;

    constexpr bf16() = default;
    NIBBLE_HD constexpr explicit bf16(float x) : bits(encode(detail::bits_of(x))) {}
    NIBBLE_HD constexpr explicit operator float() const {
        return detail::float_of(static_cast<std::uint32_t>(bits) << 16);
    }

    NIBBLE_HD static constexpr bf16 from_bits(std::uint16_t bits) {
        bf16 b;
        b.bits = bits;
        return b;
    }

    /// Equality of bits: NaN equals itself, +0 differs from -0.
    friend constexpr bool operator==(bf16, bf16) = default;

private:
    NIBBLE_HD static constexpr std::uint16_t encode(std::uint32_t x) {
        if ((x & 0x7fffffffu) > 0x7f800000u) {
            return static_cast<std::uint16_t>((x >> 16) | 0x40u);
        }
        return static_cast<std::uint16_t>((x + 0x7fffu + ((x >> 16) & 1u)) >> 16);
    }
};

}  // namespace nibble
