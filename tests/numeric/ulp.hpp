// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

namespace nibble_test {

inline constexpr float infinity = std::numeric_limits<float>::infinity();
inline constexpr float quiet_nan = std::numeric_limits<float>::quiet_NaN();

inline float from_bits(std::uint32_t bits) { return std::bit_cast<float>(bits); }
inline std::uint32_t to_bits(float x) { return std::bit_cast<std::uint32_t>(x); }

/// |got − exact| in units of the last place of a float of exact's size; subnormals share one unit, 2^-149.
inline double ulp_error(float got, long double exact) {
    int exponent = exact == 0 ? -126 : std::ilogb(exact);
    exponent = exponent < -126 ? -126 : exponent;
    return static_cast<double>(std::ldexp(std::fabs(static_cast<long double>(got) - exact), 23 - exponent));
}

/// Largest ulp_error of f over the bit patterns first, first + stride, … below last.
template <class F, class Exact>
double largest_error(std::uint32_t first, std::uint32_t last, std::uint32_t stride, F f, Exact exact) {
    double largest = 0;
    for (std::uint64_t bits = first; bits < last; bits += stride) {
        float const x = from_bits(static_cast<std::uint32_t>(bits));
        double const error = ulp_error(f(x), exact(static_cast<long double>(x)));
        largest = error <= largest ? largest : error;  // a NaN wins
    }
    return largest;
}

/// FNV-1a over the results' bits for every 10007th bit pattern that isn't a NaN: equal on every compiler and machine.
template <class F>
std::uint64_t fingerprint(F f) {
    std::uint64_t hash = 0xcbf29ce484222325u;
    for (std::uint64_t bits = 0; bits < 0x100000000u; bits += 10007) {
        float const y = f(from_bits(static_cast<std::uint32_t>(bits)));
        hash = (hash ^ (y == y ? to_bits(y) : 0x7fc00000u)) * 0x100000001b3u;
    }
    return hash;
}

}  // namespace nibble_test
