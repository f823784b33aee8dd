// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/numeric/float_bits.hpp>
#include <nibble/numeric/host_device.hpp>  // NIBBLE_HD

#include <cstdint>

namespace nibble {

/// A power of two as a byte, the OCP Microscaling scale format: value 2^(bits − 127), bits 255 is NaN. No sign, no
/// zero.
///   from f32 the power of two nearest in the exponent's own terms: mantissa < 1.5 goes down, > 1.5 up, the tie to
///            the even exponent code; x <= 2^-127 (zero and negative values too) becomes 2^-127; values that would
///            round to 2^128 and infinity become NaN
///   to f32   exact (2^-127 is a subnormal)
///   source   OCP Microscaling Formats (MX) v1.0, 5.4.1
struct e8m0 {
    std::uint8_t bits = 0;

    constexpr e8m0() = default;
    NIBBLE_HD constexpr explicit e8m0(float x) : bits(encode(detail::bits_of(x))) {}
    NIBBLE_HD constexpr explicit operator float() const {
        if (bits == 0xffu) {
            return detail::float_of(0x7fc00000u);
        }
        return detail::float_of(bits == 0u ? 0x00400000u : static_cast<std::uint32_t>(bits) << 23);
    }

    NIBBLE_HD static constexpr e8m0 from_bits(std::uint8_t bits) {
        e8m0 e;
        e.bits = bits;
        return e;
    }

    friend constexpr bool operator==(e8m0, e8m0) = default;

private:
    NIBBLE_HD static constexpr std::uint8_t encode(std::uint32_t x) {
        if ((x & 0x7fffffffu) > 0x7f800000u) {
            return 0xffu;
        }
        if ((x >> 31) != 0u || x <= 0x00400000u) {
            return 0u;
        }
        if (x < 0x00800000u) {  // between 2^-127 and 2^-126; the tie 1.5 · 2^-127 goes to the even code 0
            return x > 0x00600000u ? 1u : 0u;
        }
        std::uint32_t const even = (x >> 23) & 1u;
        return static_cast<std::uint8_t>((x + 0x3fffffu + even) >> 23);
    }
};

}  // namespace nibble
