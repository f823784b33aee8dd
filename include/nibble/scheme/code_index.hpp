// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/numeric/float_bits.hpp>
#include <nibble/numeric/host_device.hpp>  // NIBBLE_HD
#include <nibble/numeric/rounding.hpp>

#include <cstdint>

// From a value to the index of its code, the one definition: the quantizer calls it with scale and origin as stored,
// the rules that try scales with those they try.

namespace nibble::detail {

/// (x − origin) / s by the scheme's division, without an infinite difference on the way.
template <class S>
NIBBLE_HD constexpr float quotient(float x, float origin, float s) {
    float const difference = x - origin;
    if ((bits_of(difference) & 0x7fffffffu) == 0x7f800000u) {
        return S::division::apply(x, s) - S::division::apply(origin, s);
    }
    return S::division::apply(difference, s);
}

/// The index of a quotient that a rounding gives, not yet clamped; `zero` is the code of real zero.
template <class S, class Rounding = typename S::rounding, class... Random>
NIBBLE_HD constexpr float index_of(float quotient, float zero, Random... random) {
    return S::zero_order::template index<Rounding>(S::grid::position(quotient), zero, random...);
}

/// The index nearest to `index` that is in use.
template <class S>
NIBBLE_HD constexpr float clamp_index(float index) {
    index = index > static_cast<float>(S::qmin) ? index : static_cast<float>(S::qmin);
    return index < static_cast<float>(S::qmax) ? index : static_cast<float>(S::qmax);
}

/// z = the code nearest to that of real zero, the value of code 0 being `origin`.
template <class S>
NIBBLE_HD constexpr std::uint8_t zero_point(float origin, float s) {
    return static_cast<std::uint8_t>(clamp_index<S>(round_to_nearest_even::round(S::division::apply(-origin, s))));
}

}  // namespace nibble::detail
