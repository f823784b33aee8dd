// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/numeric/float_bits.hpp>
#include <nibble/numeric/host_device.hpp>  // NIBBLE_HD
#include <nibble/numeric/small_float.hpp>

#include <cstdint>

namespace nibble {

/// The OCP FP8 with the wider range: sign, 5 exponent bits (bias 15), 2 mantissa bits; the upper half of an f16, its
/// infinities and NaNs included. A storage type: no arithmetic.
///   range    largest 57344; smallest normal 2^-14; smallest subnormal 2^-16
///   from f32 nearest, ties to the even code; subnormals kept; saturates: |x| > 57344 and infinity become ±57344; NaN
///            becomes the quiet NaN 0x7e with its sign
///   to f32   exact
///   source   OCP 8-bit Floating Point Specification (OFP8) v1.0, the saturating conversion
struct e5m2 {
    std::uint8_t bits = 0;

    static constexpr float largest = 57344.0f;

    constexpr e5m2() = default;
    NIBBLE_HD constexpr explicit e5m2(float x) : bits(encode(detail::bits_of(x))) {}
    NIBBLE_HD constexpr explicit operator float() const {
        std::uint32_t const code = bits & 0x7fu;
        std::uint32_t const sign = static_cast<std::uint32_t>(bits & 0x80u) << 24;
        std::uint32_t const special = 0x7f800000u | (code & 3u) << 21;
        return detail::float_of(sign | (code >= 0x7cu ? special : layout::decode(code)));
    }

    NIBBLE_HD static constexpr e5m2 from_bits(std::uint8_t bits) {
        e5m2 e;
        e.bits = bits;
        return e;
    }

    /// Equality of bits: NaN equals itself, +0 differs from -0.
    friend constexpr bool operator==(e5m2, e5m2) = default;

private:
    using layout = detail::small_float<2, 15>;

    NIBBLE_HD static constexpr std::uint8_t encode(std::uint32_t x) {
        std::uint32_t const magnitude = x & 0x7fffffffu;
        std::uint32_t const code = magnitude > 0x7f800000u ? 0x7eu : layout::encode(magnitude, largest);
        return static_cast<std::uint8_t>(((x >> 24) & 0x80u) | code);
    }
};

}  // namespace nibble
