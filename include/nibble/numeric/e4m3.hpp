// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/numeric/float_bits.hpp>
#include <nibble/numeric/host_device.hpp>  // NIBBLE_HD
#include <nibble/numeric/small_float.hpp>

#include <cstdint>

namespace nibble {

/// The OCP FP8 with the finer mantissa ("e4m3fn"): sign, 4 exponent bits (bias 7), 3 mantissa bits. No infinity; the
/// NaNs are 0x7f and 0xff. A storage type: no arithmetic.
///   range    largest 448; smallest normal 2^-6; smallest subnormal 2^-9
///   from f32 nearest, ties to the even code; subnormals kept; saturates: |x| > 448 and infinity become ±448; NaN stays
///            NaN, with its sign
///   to f32   exact
///   source   OCP 8-bit Floating Point Specification (OFP8) v1.0, the saturating conversion
struct e4m3 {
    std::uint8_t bits = 0;

    static constexpr float largest = 448.0f;

    constexpr e4m3() = default;
    NIBBLE_HD constexpr explicit e4m3(float x) : bits(encode(detail::bits_of(x))) {}
    NIBBLE_HD constexpr explicit operator float() const {
        std::uint32_t const code = bits & 0x7fu;
        std::uint32_t const sign = static_cast<std::uint32_t>(bits & 0x80u) << 24;
        return detail::float_of(sign | (code == 0x7fu ? 0x7fc00000u : layout::decode(code)));
    }

    NIBBLE_HD static constexpr e4m3 from_bits(std::uint8_t bits) {
        e4m3 e;
        e.bits = bits;
        return e;
    }

    /// Equality of bits: NaN equals itself, +0 differs from -0.
    friend constexpr bool operator==(e4m3, e4m3) = default;

private:
    using layout = detail::small_float<3, 7>;

    NIBBLE_HD static constexpr std::uint8_t encode(std::uint32_t x) {
        std::uint32_t const magnitude = x & 0x7fffffffu;
        std::uint32_t const code = magnitude > 0x7f800000u ? 0x7fu : layout::encode(magnitude, largest);
        return static_cast<std::uint8_t>(((x >> 24) & 0x80u) | code);
    }
};

}  // namespace nibble
