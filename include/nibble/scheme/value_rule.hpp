// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/numeric/float_bits.hpp>

#include <concepts>
#include <span>

namespace nibble {

/// What a rule sees that looks at every value of a group.
struct group_values {
    std::span<float const> values;      ///< finite, at least one
    std::span<float const> importance;  ///< of each value's squared error; empty: all alike
};

/// What a group is to be stored with, before storage types round it.
struct group_fit {
    float scale = 0;
    float origin = 0;  ///< the value of index 0; under a zero point it is rounded to a code's
};

/// A scale rule that looks at the values themselves: `fit<S>(values)`, S being the scheme whose grid, rounding and
/// decode it may ask. Where it serves asymmetric schemes, it gives the origin too.
template <class R, class S>
concept value_rule = requires(group_values values) {
    { R::template fit<S>(values) } -> std::same_as<group_fit>;
};

namespace detail {

/// The value of largest magnitude, the first of several; 0 of none.
constexpr float extreme_of(std::span<float const> values) {
    float extreme = 0;
    for (float const v : values) {
        extreme = magnitude(v) > magnitude(extreme) ? v : extreme;
    }
    return extreme;
}

}  // namespace detail

}  // namespace nibble
