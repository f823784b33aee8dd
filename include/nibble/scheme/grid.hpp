// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/numeric/host_device.hpp>  // NIBBLE_HD

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>

namespace nibble {

/// The values of a format's codes, in units of the scale. They are counted in order by an index, 0 being the value
/// nearest to zero; which of them is chosen for a quotient v is the index that the scheme's rounding gives for
/// `position(v)`, so every rounding mode means the same on every grid.
///   bits              of a stored code
///   lowest, highest   indices
///   position(v)       the real index of v: i for the value of index i, and linear between two neighbours; its floor,
///                     and on which side of a middle it lies, are exact
///   code(index)       what is stored
///   level(code)       the value, exact in f32
template <class G>
concept grid = requires(float v, int index, unsigned code) {
    { G::bits } -> std::convertible_to<int>;
    { G::lowest } -> std::convertible_to<int>;
    { G::highest } -> std::convertible_to<int>;
    { G::position(v) } -> std::same_as<float>;
    { G::code(index) } -> std::same_as<unsigned>;
    { G::level(code) } -> std::same_as<float>;
};

/// How integer arithmetic reads a grid:  level = unit · (factor · u − bias),  u being the code, or its entry in `table`
/// where there is one. A grid without it (nf4, fp8) is read through floats.
struct integer_levels {
    int factor = 1;
    int bias = 0;
    float unit = 1;
    bool has_table = false;
    std::array<std::uint8_t, 16> table{};
};

template <class G>
concept integer_grid = grid<G> && requires {
    { G::integers } -> std::convertible_to<integer_levels>;
};

/// Integers: level = code − Bias, code − Bias in [Lowest, Highest].
template <int Bits, int Bias, int Lowest = -Bias, int Highest = (1 << Bits) - 1 - Bias>
struct linear_grid {
    static constexpr int bits = Bits;
    static constexpr int lowest = Lowest;
    static constexpr int highest = Highest;
    static constexpr integer_levels integers{.bias = Bias};
    NIBBLE_HD static constexpr float position(float v) { return v; }
    NIBBLE_HD static constexpr unsigned code(int index) { return static_cast<unsigned>(index + Bias); }
    NIBBLE_HD static constexpr float level(unsigned code) { return static_cast<float>(static_cast<int>(code) - Bias); }
};

/// Halves of odd integers, no zero: level = q + 1/2, q in [-2^(Bits-1), 2^(Bits-1) - 1].
///   position(v) = v − 1/2 rounded: a v within 2^-25 of zero is on the middle between the two levels next to it
template <int Bits>
struct mid_rise_grid {
    static constexpr int bits = Bits;
    static constexpr int lowest = -(1 << (Bits - 1));
    static constexpr int highest = (1 << (Bits - 1)) - 1;
    static constexpr integer_levels integers{.factor = 2, .bias = (1 << Bits) - 1, .unit = 0.5f};
    NIBBLE_HD static constexpr float position(float v) { return v - 0.5f; }
    NIBBLE_HD static constexpr unsigned code(int index) { return static_cast<unsigned>(index - lowest); }
    NIBBLE_HD static constexpr float level(unsigned code) {
        return static_cast<float>(static_cast<int>(code) + lowest) + 0.5f;
    }
};

}  // namespace nibble
