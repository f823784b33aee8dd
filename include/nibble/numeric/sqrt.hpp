// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/numeric/float_bits.hpp>
#include <nibble/numeric/host_device.hpp>  // NIBBLE_HD

#include <cstdint>

namespace nibble {

namespace detail {

/// √x in integer arithmetic, correctly rounded; every NaN result is 0x7fc00000.
NIBBLE_HD constexpr float software_sqrt(float x) {
    constexpr std::uint32_t infinity = 0x7f800000u;
    std::uint32_t const bits = bits_of(x);
    std::uint32_t const size = bits & 0x7fffffffu;
    if (size == 0 || bits == infinity) {
        return x;
    }
    if (bits > infinity) {
        return float_of(0x7fc00000u);
    }
    std::uint64_t significand = (size & 0x7fffffu) | (size >= 0x800000u ? 0x800000u : 0u);
    int exponent = size >= 0x800000u ? static_cast<int>(size >> 23) - 150 : -149;
    while (significand < 0x800000u) {
        significand <<= 1;
        --exponent;
    }
    // x = square · 4^k, 2^48 <= square < 2^50.
    int const shift = exponent % 2 == 0 ? 26 : 25;
    std::uint64_t const square = significand << shift;
    int const k = (exponent - shift) / 2;
    std::uint64_t root = 0;  // 25 bits: floor(√square)
    for (std::uint64_t bit = std::uint64_t{1} << 24; bit != 0; bit >>= 1) {
        std::uint64_t const larger = root | bit;
        root = larger * larger <= square ? larger : root;
    }
    // The 25th bit decides: square is even, so not that of an odd root, and no tie exists.
    std::uint32_t const rounded = static_cast<std::uint32_t>((root + 1) >> 1);
    return float_of((static_cast<std::uint32_t>(k + 150) << 23) + rounded);
}

}  // namespace detail

/// √x, correctly rounded (nearest, ties to even): the same value at run time, on a device and in a constant.
///   edges   ±0 and infinity return x; x < 0 and NaN give a NaN of unspecified sign and payload
///   source  IEEE 754-2019, 5.4.1 squareRoot
NIBBLE_HD constexpr float sqrt(float x) {
    if (__builtin_is_constant_evaluated()) {
        return detail::software_sqrt(x);
    }
#if defined(__CUDA_ARCH__)
    return __fsqrt_rn(x);  // whatever -prec-sqrt says
#else
    return __builtin_sqrtf(x);
#endif
}

}  // namespace nibble
