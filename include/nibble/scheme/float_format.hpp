// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/numeric/e2m1.hpp>
#include <nibble/numeric/e4m3.hpp>
#include <nibble/numeric/e5m2.hpp>
#include <nibble/numeric/float_bits.hpp>
#include <nibble/scheme/format.hpp>

#include <cstdint>

namespace nibble {

namespace detail {

/// a + b, a >= b >= 0, rounded to odd: a sum that is not exact gets the odd one of its two neighbours, so no later
/// rounding takes it for a tie or an integer.
NIBBLE_HD constexpr float add_to_odd(float a, float b) {
    float const sum = a + b;
    float const lost = b - (sum - a);
    std::uint32_t const code = bits_of(sum);
    bool const even = (code & 1u) == 0u;
    return float_of(lost == 0.0f || !even ? code : lost > 0.0f ? code + 1u : code - 1u);
}

}  // namespace detail

/// The finite values of a small float type T of M mantissa bits, sign and magnitude: index ±i is the i-th value above
/// or below zero, so nearest-even is the type's own rounding.
///   a negative zero decodes, and no quantizer writes it
///   NaN and infinity decode where T has them, and no quantizer writes them
template <class T, int Bits, int M, int MinExponent>
struct float_grid {
    static constexpr int bits = Bits;
    static constexpr int highest = static_cast<int>(T(T::largest).bits);
    static constexpr int lowest = -highest;

    /// In units of the least value, u = |v| · 2^-MinExponent: u itself below 2^(M+1), and 2^M steps a binade above.
    NIBBLE_HD static constexpr float position(float v) {
        constexpr float limit = 2.0f * T::largest;
        float const size = detail::float_of(detail::bits_of(v) & 0x7fffffffu);
        float const u =
            (size < limit ? size : limit) * detail::float_of(static_cast<std::uint32_t>(127 - MinExponent) << 23);
        int const binade = static_cast<int>(detail::bits_of(u) >> 23) - 127 - M;
        float const index =
            binade <= 0 ? u
                        : detail::add_to_odd(static_cast<float>(binade << M),
                                             u * detail::float_of(static_cast<std::uint32_t>(127 - binade) << 23));
        return v < 0.0f ? -index : index;
    }
    NIBBLE_HD static constexpr unsigned code(int index) {
        return index < 0 ? static_cast<unsigned>(-index) | 1u << (Bits - 1) : static_cast<unsigned>(index);
    }
    NIBBLE_HD static constexpr float level(unsigned code) {
        return static_cast<float>(T::from_bits(static_cast<std::uint8_t>(code)));
    }
};

/// ±{0, 1/2, 1, 3/2, 2, 3, 4, 6}. Both of its zeros decode to +0, as ggml's do.
struct e2m1_grid : float_grid<e2m1, 4, 1, -1> {
    static constexpr integer_levels integers{
        .bias = 12,
        .unit = 0.5f,
        .has_table = true,
        .table = {12, 13, 14, 15, 16, 18, 20, 24, 12, 11, 10, 9, 8, 6, 4, 0},
    };
    NIBBLE_HD static constexpr float level(unsigned code) { return float_grid::level(code) + 0.0f; }
};

/// The small float types of numeric are formats too: scheme<e2m1, per_group<32>, scale_as<e8m0>>.
template <>
struct format_traits<e2m1> {
    static constexpr char const* name = "e2m1";
    using grid = e2m1_grid;
};
template <>
struct format_traits<e4m3> {
    static constexpr char const* name = "e4m3";
    using grid = float_grid<e4m3, 8, 3, -9>;
};
template <>
struct format_traits<e5m2> {
    static constexpr char const* name = "e5m2";
    using grid = float_grid<e5m2, 8, 2, -16>;
};

}  // namespace nibble
