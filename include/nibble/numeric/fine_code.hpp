// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/numeric/host_device.hpp>  // NIBBLE_HD
#include <nibble/numeric/rounding.hpp>

#include <cstdint>

namespace nibble {

namespace detail {

/// The integer of lowest … highest nearest to x, ties to even, counted from lowest; NaN counts as 0.
NIBBLE_HD constexpr std::uint8_t nearest_code(float x, int lowest, int highest) {
    auto const low = static_cast<float>(lowest);
    auto const high = static_cast<float>(highest);
    float const number = x == x ? x : 0.0f;
    float const clamped = number < low ? low : number > high ? high : number;
    return static_cast<std::uint8_t>(static_cast<int>(round_to_nearest_even::round(clamped)) - lowest);
}

}  // namespace detail

/// The small integers as which a group's scale is stored where a super-block has a scale of its own, ggml's k-quants:
/// the group's scale is this integer times the super-block's scale.
///   to f32   exact; bits must be below 2^Bits
///   from f32 nearest, ties to even; outside of lowest … highest the nearer end, infinities too; NaN becomes 0
///
/// value = bits, 0 … 2^Bits − 1.
template <int Bits>
struct unsigned_code {
    static_assert(1 <= Bits && Bits <= 8, "nibble: unsigned_code<Bits> needs 1 to 8 bits; its code is one byte");

    static constexpr int width = Bits;
    static constexpr int lowest = 0;
    static constexpr int highest = (1 << Bits) - 1;

    std::uint8_t bits = 0;

    constexpr unsigned_code() = default;
    NIBBLE_HD constexpr explicit unsigned_code(float x) : bits(detail::nearest_code(x, lowest, highest)) {}
    NIBBLE_HD constexpr explicit operator float() const { return static_cast<float>(static_cast<int>(bits)); }

    NIBBLE_HD static constexpr unsigned_code from_bits(std::uint8_t bits) {
        unsigned_code c;
        c.bits = bits;
        return c;
    }

    friend constexpr bool operator==(unsigned_code, unsigned_code) = default;
};

/// The same with a sign, in excess notation: value = bits − 2^(Bits − 1), −2^(Bits − 1) … 2^(Bits − 1) − 1.
/// Zero bits are the lowest value; a two's complement code differs in its highest bit.
template <int Bits>
struct signed_code {
    static_assert(1 <= Bits && Bits <= 8, "nibble: signed_code<Bits> needs 1 to 8 bits; its code is one byte");

    static constexpr int width = Bits;
    static constexpr int lowest = -(1 << (Bits - 1));
    static constexpr int highest = (1 << (Bits - 1)) - 1;

    std::uint8_t bits = 0;

    constexpr signed_code() = default;
    NIBBLE_HD constexpr explicit signed_code(float x) : bits(detail::nearest_code(x, lowest, highest)) {}
    NIBBLE_HD constexpr explicit operator float() const { return static_cast<float>(static_cast<int>(bits) + lowest); }

    NIBBLE_HD static constexpr signed_code from_bits(std::uint8_t bits) {
        signed_code c;
        c.bits = bits;
        return c;
    }

    friend constexpr bool operator==(signed_code, signed_code) = default;
};

}  // namespace nibble
