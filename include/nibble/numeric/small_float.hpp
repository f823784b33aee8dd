// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/numeric/float_bits.hpp>
#include <nibble/numeric/host_device.hpp>  // NIBBLE_HD

#include <cstdint>

namespace nibble::detail {

/// Magnitudes of a float type narrower than f16, of exponent field e and mantissa m: code = e · 2^MantissaBits + m,
///   value = 2^(e − Bias) · (1 + m · 2^-MantissaBits),  and 2^(1 − Bias) · m · 2^-MantissaBits  where e = 0.
/// Codes rise with their values, so a carry from rounding is the next code. The special values are the type's own.
template <int MantissaBits, int Bias>
struct small_float {
    static constexpr std::uint32_t smallest_normal = static_cast<std::uint32_t>(128 - Bias) << 23;
    /// A power of two, the last place of which is the type's smallest value.
    static constexpr std::uint32_t shifter = static_cast<std::uint32_t>(151 - Bias - MantissaBits) << 23;

    /// The code nearest to a magnitude, ties to the even code, not above that of `largest`, a value of the type.
    ///   magnitude  bits of a float >= 0; infinity saturates, NaN is for the caller to sort out
    NIBBLE_HD static constexpr std::uint32_t encode(std::uint32_t magnitude, float largest) {
        constexpr int drop = 23 - MantissaBits;
        std::uint32_t const size = magnitude < bits_of(largest) ? magnitude : bits_of(largest);
        std::uint32_t const even = (size >> drop) & 1u;
        std::uint32_t const rounded = size + (1u << (drop - 1)) - 1u + even;
        std::uint32_t const normal = (rounded - (static_cast<std::uint32_t>(127 - Bias) << 23)) >> drop;
        std::uint32_t const subnormal = bits_of(float_of(size) + float_of(shifter)) - shifter;
        return size < smallest_normal ? subnormal : normal;
    }

    /// Bits of the f32 of a finite code; exact.
    NIBBLE_HD static constexpr std::uint32_t decode(std::uint32_t code) {
        std::uint32_t const normal = (code << (23 - MantissaBits)) + (static_cast<std::uint32_t>(127 - Bias) << 23);
        std::uint32_t const subnormal = bits_of(float_of(shifter + code) - float_of(shifter));
        return (code >> MantissaBits) == 0u ? subnormal : normal;
    }
};

}  // namespace nibble::detail
