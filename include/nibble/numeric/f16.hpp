// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/numeric/float_bits.hpp>
#include <nibble/numeric/host_device.hpp>  // NIBBLE_HD

#include <cstdint>

namespace nibble {

/// IEEE 754 binary16: sign, 5 exponent bits (bias 15), 10 mantissa bits. A storage type: no arithmetic.
///   range    largest 65504; smallest normal 2^-14; smallest subnormal 2^-24
///   from f32 nearest, ties to even; subnormals kept; |x| >= 65520 becomes infinity; NaN becomes quiet NaN 0x7e00 with
///            its sign
///   to f32   exact
struct f16 {
    std::uint16_t bits = 0;

    constexpr f16() = default;
    NIBBLE_HD constexpr explicit f16(float x) : bits(encode(detail::bits_of(x))) {}
    NIBBLE_HD constexpr explicit operator float() const { return detail::float_of(decode(bits)); }

    NIBBLE_HD static constexpr f16 from_bits(std::uint16_t bits) {
        f16 h;
        h.bits = bits;
        return h;
    }

    /// Equality of bits: NaN equals itself, +0 differs from -0.
    friend constexpr bool operator==(f16, f16) = default;

private:
    NIBBLE_HD static constexpr std::uint16_t encode(std::uint32_t x) {
        std::uint32_t const sign = (x >> 16) & 0x8000u;
        std::uint32_t const magnitude = x & 0x7fffffffu;
        if (magnitude > 0x7f800000u) {
            return static_cast<std::uint16_t>(sign | 0x7e00u);
        }
        if (magnitude >= 0x477ff000u) {  // 65520, halfway to the first value beyond the range
            return static_cast<std::uint16_t>(sign | 0x7c00u);
        }
        if (magnitude >= 0x38800000u) {  // 2^-14: normal; re-bias the exponent by 112, round off 13 bits
            std::uint32_t const even = (magnitude >> 13) & 1u;
            return static_cast<std::uint16_t>(sign | ((magnitude - (112u << 23) + 0xfffu + even) >> 13));
        }
        if (magnitude <= 0x33000000u) {  // 2^-25: half of the smallest subnormal, a tie that goes to zero
            return static_cast<std::uint16_t>(sign);
        }
        std::uint32_t const shift = 126u - (magnitude >> 23);  // 14 … 24
        std::uint32_t const mantissa = (magnitude & 0x7fffffu) | 0x800000u;
        std::uint32_t const code = mantissa >> shift;
        std::uint32_t const rest = mantissa & ((1u << shift) - 1u);
        std::uint32_t const half = 1u << (shift - 1u);
        std::uint32_t const up = rest > half || (rest == half && (code & 1u) != 0u) ? 1u : 0u;
        return static_cast<std::uint16_t>(sign | (code + up));
    }

    NIBBLE_HD static constexpr std::uint32_t decode(std::uint32_t h) {
        std::uint32_t const sign = (h & 0x8000u) << 16;
        std::uint32_t const exponent = (h >> 10) & 0x1fu;
        std::uint32_t const mantissa = h & 0x3ffu;
        if (exponent == 0x1fu) {
            return sign | 0x7f800000u | (mantissa << 13);
        }
        if (exponent != 0u) {
            return sign | ((exponent + 112u) << 23) | (mantissa << 13);
        }
        if (mantissa == 0u) {
            return sign;
        }
        // mantissa · 2^-24, exact in f32: the leading one becomes the implicit bit.
        std::uint32_t lead = 9u;
        while (mantissa >> lead == 0u) {
            --lead;
        }
        return sign | ((lead + 103u) << 23) | ((mantissa << (23u - lead)) & 0x7fffffu);
    }
};

}  // namespace nibble
