// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/numeric/float_bits.hpp>
#include <nibble/numeric/host_device.hpp>  // NIBBLE_HD

#include <cstdint>

namespace nibble {

namespace detail {

/// Rounds significand · 2^exponent to float bits: nearest, ties to even; subnormals kept, overflow to infinity.
///   significand  1 … 2^63 − 1
NIBBLE_HD constexpr std::uint32_t round_to_float_bits(std::uint64_t significand, int exponent) {
    int top = 63;
    while ((significand >> top) == 0) {
        --top;
    }
    int const normal_drop = top - 23;
    int const subnormal_drop = -149 - exponent;
    int const drop = normal_drop > subnormal_drop ? normal_drop : subnormal_drop;
    if (drop > 63) {  // below half of the smallest subnormal
        return 0;
    }
    if (exponent + drop > 104) {  // 2^128 and more
        return 0x7f800000u;
    }
    // The hidden bit of a normal number adds one to the exponent field, a carry from rounding one more.
    std::uint32_t const field = static_cast<std::uint32_t>(exponent + drop + 149) << 23;
    if (drop <= 0) {
        return field + static_cast<std::uint32_t>(significand << -drop);
    }
    std::uint64_t const code = significand >> drop;
    std::uint64_t const rest = significand & ((std::uint64_t{1} << drop) - 1);
    std::uint64_t const half = std::uint64_t{1} << (drop - 1);
    bool const up = rest > half || (rest == half && (code & 1) != 0);
    return field + static_cast<std::uint32_t>(code) + (up ? 1u : 0u);
}

/// significand · 2^exponent with bit 61 set, or significand = 0.
struct wide_magnitude {
    std::uint64_t significand;
    int exponent;
};

NIBBLE_HD constexpr wide_magnitude widen(std::uint64_t significand, int exponent) {
    while (significand != 0 && (significand >> 61) == 0) {
        significand <<= 1;
        --exponent;
    }
    return {significand, exponent};
}

/// a·b + c in integer arithmetic, rounded once. Same values as the hardware's; every NaN result is 0x7fc00000.
NIBBLE_HD constexpr float software_fma(float a, float b, float c) {
    constexpr std::uint32_t infinity = 0x7f800000u;
    constexpr std::uint32_t sign_bit = 0x80000000u;
    auto const a_bits = bits_of(a);
    auto const b_bits = bits_of(b);
    auto const c_bits = bits_of(c);
    std::uint32_t const a_size = a_bits & ~sign_bit;
    std::uint32_t const b_size = b_bits & ~sign_bit;
    std::uint32_t const c_size = c_bits & ~sign_bit;
    std::uint32_t const product_sign = (a_bits ^ b_bits) & sign_bit;
    std::uint32_t const c_sign = c_bits & sign_bit;

    bool const product_infinite = a_size == infinity || b_size == infinity;
    bool const invalid = (product_infinite && (a_size == 0 || b_size == 0)) ||
                         (product_infinite && c_size == infinity && product_sign != c_sign);
    if (a_size > infinity || b_size > infinity || c_size > infinity || invalid) {
        return float_of(0x7fc00000u);
    }
    if (product_infinite) {
        return float_of(product_sign | infinity);
    }
    if (c_size == infinity) {
        return c;
    }
    if (a_size == 0 || b_size == 0) {
        return c_size != 0 ? c : float_of(product_sign & c_sign);
    }

    auto const significand = [](std::uint32_t size) -> std::uint64_t {
        return (size & 0x7fffffu) | (size >= 0x800000u ? 0x800000u : 0u);
    };
    auto const exponent = [](std::uint32_t size) {
        return size >= 0x800000u ? static_cast<int>(size >> 23) - 150 : -149;
    };
    wide_magnitude const product =
        widen(significand(a_size) * significand(b_size), exponent(a_size) + exponent(b_size));
    if (c_size == 0) {
        return float_of(product_sign | round_to_float_bits(product.significand, product.exponent));
    }
    wide_magnitude const addend = widen(significand(c_size), exponent(c_size));

    bool const product_larger = product.exponent != addend.exponent ? product.exponent > addend.exponent
                                                                    : product.significand >= addend.significand;
    wide_magnitude const large = product_larger ? product : addend;
    wide_magnitude const small = product_larger ? addend : product;
    // The low 14 bits of both are zero, so a shift loses bits only where at most one leading bit can cancel;
    // the lost bits live on as a sticky last bit.
    int const shift = large.exponent - small.exponent;
    std::uint64_t aligned = 1;
    if (shift < 62) {
        std::uint64_t const lost = small.significand & ((std::uint64_t{1} << shift) - 1);
        aligned = (small.significand >> shift) | (lost != 0 ? 1u : 0u);
    }
    std::uint64_t const sum = product_sign == c_sign ? large.significand + aligned : large.significand - aligned;
    if (sum == 0) {
        return 0.0f;
    }
    std::uint32_t const sign = product_larger ? product_sign : c_sign;
    return float_of(sign | round_to_float_bits(sum, large.exponent));
}

}  // namespace detail

/// a·b + c, rounded once (nearest, ties to even): the same value at run time, on a device and in a constant.
/// The sign and payload of a NaN result are unspecified.
///   source  IEEE 754-2019, 5.4.1 fusedMultiplyAdd
NIBBLE_HD constexpr float fma(float a, float b, float c) {
    if (__builtin_is_constant_evaluated()) {
        return detail::software_fma(a, b, c);
    }
    return __builtin_fmaf(a, b, c);
}

}  // namespace nibble
