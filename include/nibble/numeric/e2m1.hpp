// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/numeric/float_bits.hpp>
#include <nibble/numeric/host_device.hpp>  // NIBBLE_HD
#include <nibble/numeric/small_float.hpp>

#include <cstdint>

namespace nibble {

/// The OCP Microscaling FP4 element: ±{0, 1/2, 1, 3/2, 2, 3, 4, 6}; sign, 2 exponent bits (bias 1), 1 mantissa bit in
/// the low four bits of a byte. No infinity, no NaN. A storage type: no arithmetic.
///   from f32 nearest, ties to the even code; -0 stays -0; saturates: |x| > 6 and infinity become ±6;
///            NaN, for which the standard leaves the choice open, becomes +0
///   to f32   exact; the high four bits are not read
///   source   OCP Microscaling Formats (MX) v1.0, 5.3.3
struct e2m1 {
    std::uint8_t bits = 0;

    static constexpr float largest = 6.0f;

    constexpr e2m1() = default;
    NIBBLE_HD constexpr explicit e2m1(float x) : bits(encode(detail::bits_of(x))) {}
    NIBBLE_HD constexpr explicit operator float() const {
        std::uint32_t const code = bits;
        return detail::float_of((code & 8u) << 28 | layout::decode(code & 7u));
    }

    NIBBLE_HD static constexpr e2m1 from_bits(std::uint8_t bits) {
        e2m1 e;
        e.bits = bits;
        return e;
    }

    /// Equality of bits: +0 differs from -0.
    friend constexpr bool operator==(e2m1, e2m1) = default;

private:
    using layout = detail::small_float<1, 1>;

    NIBBLE_HD static constexpr std::uint8_t encode(std::uint32_t x) {
        std::uint32_t const magnitude = x & 0x7fffffffu;
        std::uint32_t const code = ((x >> 28) & 8u) | layout::encode(magnitude, largest);
        return static_cast<std::uint8_t>(magnitude > 0x7f800000u ? 0u : code);
    }
};

}  // namespace nibble
