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
    // Both mask what does not apply instead of branching, so that loops over numbers become vector code.
    NIBBLE_HD static constexpr std::uint16_t encode(std::uint32_t x) {
        std::uint32_t const sign = (x >> 16) & 0x8000u;
        std::uint32_t const magnitude = x & 0x7fffffffu;
        std::uint32_t const is_normal = 0u - static_cast<std::uint32_t>(magnitude >= 0x38800000u);  // 2^-14
        // Normal: re-bias the exponent by 112, round off 13 bits.
        std::uint32_t const normal = (magnitude - (112u << 23) + 0xfffu + ((magnitude >> 13) & 1u)) >> 13;
        // Below: next to 1/2, floats are 2^-24 apart, as subnormals are.
        float const beside_half = detail::float_of(magnitude & ~is_normal) + 0.5f;
        std::uint32_t code = (normal & is_normal) | (detail::bits_of(beside_half) - detail::bits_of(0.5f));
        code = magnitude >= 0x477ff000u ? 0x7c00u : code;  // 65520, halfway to the first value beyond the range
        code = magnitude > 0x7f800000u ? 0x7e00u : code;
        return static_cast<std::uint16_t>(sign | code);
    }

    NIBBLE_HD static constexpr std::uint32_t decode(std::uint32_t h) {
        std::uint32_t const sign = (h & 0x8000u) << 16;
        std::uint32_t const exponent = h & 0x7c00u;
        std::uint32_t const mantissa = h & 0x3ffu;
        std::uint32_t const is_normal = 0u - static_cast<std::uint32_t>(exponent != 0u);
        std::uint32_t const normal = ((h & 0x7fffu) << 13) + (112u << 23);
        auto const subnormal = static_cast<float>(static_cast<int>(mantissa & ~is_normal)) * 0x1p-24f;
        std::uint32_t const magnitude = (normal & is_normal) | detail::bits_of(subnormal);
        return sign | (exponent == 0x7c00u ? 0x7f800000u | (mantissa << 13) : magnitude);
    }
};

}  // namespace nibble
