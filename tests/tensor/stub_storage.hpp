// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/scheme/grid.hpp>
#include <nibble/scheme/symmetry.hpp>

#include <cmath>
#include <cstddef>
#include <type_traits>

/// A storage of any parameters, written apart from the library's own.
using none = nibble::no_zero;

template <int Bits, std::size_t Group, class Scale, class Zero = none>
struct stub {
    static constexpr int bits = Bits;
    static constexpr std::size_t group = Group;
    using scale_type = Scale;
    using zero_type = Zero;
    static constexpr bool has_zero = !std::is_empty_v<Zero>;
    static constexpr bool has_zero_point = std::is_integral_v<Zero>;
    static constexpr bool has_offset = has_zero && !has_zero_point;
    static constexpr int bias = has_zero ? 0 : 1 << (Bits - 1);
    using grid = nibble::linear_grid<Bits, bias>;

    static float decode(unsigned code, scale_type s, [[maybe_unused]] zero_type z) {
        if constexpr (std::is_empty_v<Zero>) {
            return static_cast<float>(static_cast<int>(code) - bias) * static_cast<float>(s);
        } else if constexpr (std::is_integral_v<Zero>) {
            return static_cast<float>(static_cast<int>(code) - static_cast<int>(z)) * static_cast<float>(s);
        } else {
            return std::fma(static_cast<float>(code), static_cast<float>(s), static_cast<float>(z));
        }
    }
};
