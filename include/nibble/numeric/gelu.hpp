// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/numeric/exp.hpp>
#include <nibble/numeric/fma.hpp>
#include <nibble/numeric/host_device.hpp>  // NIBBLE_HD

#include <cstddef>

namespace nibble {

namespace detail {

// −2u = x (gelu_linear + gelu_cubic x²) for gelu_tanh: −2 √(2/π), and 0.044715 times that. At gelu_lowest exp(−2u) is
// infinite already, so lower arguments may take its place.
inline constexpr float gelu_linear = -1.5957691216057308f;
inline constexpr float gelu_cubic = -0.07135481627260025f;
inline constexpr float gelu_lowest = -16.0f;

}  // namespace detail

/// GELU by its tanh form, x / 2 · (1 + tanh u) = x / (1 + e^(−2u)), u = √(2/π) (x + 0.044715 x³); the same bits on
/// every compiler and machine that divides as IEEE 754 says.
///   error   relative 2^-24 · 5, for x < 0 · (5 + 4 |2u|), which the exponential multiplies into it; 2^-150 more where
///           the result is subnormal
///   edges   x from 6 up; −0 from about −10.06 down, where the exact value is below 3.1e-38; NaN stays NaN
///   source  Hendrycks and Gimpel, arXiv:1606.08415
struct gelu_tanh_function {
    NIBBLE_HD constexpr float operator()(float x) const {
        if (x != x) {
            return x;
        }
        float const lowest = detail::gelu_lowest;
        float const bounded = x < lowest ? lowest : x;
        float const slope = fma(detail::gelu_cubic, bounded * bounded, detail::gelu_linear);
        return bounded / (1.0f + exp(bounded * slope));
    }
    /// As an epilogue: of a product's element, wherever it stands.
    NIBBLE_HD constexpr float operator()(float y, std::size_t /*row*/, std::size_t /*column*/) const {
        return (*this)(y);
    }
};
inline constexpr gelu_tanh_function gelu_tanh{};

}  // namespace nibble
