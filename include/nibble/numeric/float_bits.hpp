// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/numeric/host_device.hpp>  // NIBBLE_HD

#include <cstdint>

namespace nibble::detail {

/// The bits of a float and the float of those bits; `std::bit_cast` is a host function to nvcc.
NIBBLE_HD constexpr std::uint32_t bits_of(float x) { return __builtin_bit_cast(std::uint32_t, x); }
NIBBLE_HD constexpr float float_of(std::uint32_t bits) { return __builtin_bit_cast(float, bits); }

/// Neither infinite nor NaN, whatever the build says about these.
NIBBLE_HD constexpr bool is_finite(float x) { return (bits_of(x) & 0x7fffffffu) < 0x7f800000u; }

/// |x| of a number: of -0, either zero.
NIBBLE_HD constexpr float magnitude(float x) { return x < 0 ? -x : x; }

}  // namespace nibble::detail
