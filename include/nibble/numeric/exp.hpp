// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/numeric/float_bits.hpp>
#include <nibble/numeric/fma.hpp>          // one rounding for each product and sum
#include <nibble/numeric/host_device.hpp>  // NIBBLE_HD

#include <cstdint>

namespace nibble {

namespace detail {

/// x · 2^n for 0.5 <= x < 2 in integer arithmetic: overflow to infinity; subnormals rounded to nearest even whatever
/// the denormal mode.
NIBBLE_HD constexpr float scale_by_power_of_two(float x, int n) {
    auto const bits = bits_of(x);
    int const exponent = static_cast<int>(bits >> 23) + n;
    if (exponent >= 255) {
        return float_of(0x7f800000u);
    }
    if (exponent >= 1) {
        return float_of((static_cast<std::uint32_t>(exponent) << 23) | (bits & 0x7fffffu));
    }
    if (exponent < -24) {
        return 0.0f;
    }
    int const shift = 1 - exponent;  // 1 … 25
    std::uint32_t const significand = (bits & 0x7fffffu) | 0x800000u;
    std::uint32_t const even = (significand >> shift) & 1u;
    return float_of((significand + (1u << (shift - 1)) - 1u + even) >> shift);
}

}  // namespace detail

/// e^x, the same bits on every compiler and machine.
///   method  e^x = 2^n · e^r, n = x / ln 2 rounded to an integer, |r| <= 0.35, e^r a polynomial of degree 7
///   error   under 1.02 ulp (largest seen 1.007)
///   edges   infinity from 88.72284 up; subnormals from −87.33655 down, 0 from −103.97208; NaN stays NaN
///   source  coefficients of expf, Moshier, Cephes 2.2
NIBBLE_HD constexpr float exp(float x) {
    if (x != x) {
        return x;
    }
    if (x > 89.0f) {
        return detail::float_of(0x7f800000u);
    }
    if (x < -104.0f) {
        return 0.0f;
    }
    // Adding 1.5 · 2^23 leaves n in the low bits of the sum.
    constexpr float shifter = 0x1.8p23f;
    int const n =
        static_cast<int>(detail::bits_of(fma(x, 0x1.715476p0f, shifter))) - static_cast<int>(detail::bits_of(shifter));
    auto const whole = static_cast<float>(n);
    float const partial = fma(-whole, 0x1.62e4p-1f, x);     // ln 2 in 15 bits: exact
    float const r = fma(-whole, 0x1.7f7d1cp-20f, partial);  // and the rest of ln 2
    float p = 1.9875691500e-4f;
    p = fma(p, r, 1.3981999507e-3f);
    p = fma(p, r, 8.3334519073e-3f);
    p = fma(p, r, 4.1665795894e-2f);
    p = fma(p, r, 1.6666665459e-1f);
    p = fma(p, r, 5.0000001201e-1f);
    p = fma(p, r * r, r) + 1.0f;
    return detail::scale_by_power_of_two(p, n);
}

}  // namespace nibble
