// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/scheme/scale.hpp>

#include <concepts>

namespace nibble {

/// What a group is stored with, nothing left to round.
template <class S>
struct stored_fit {
    typename S::scale_type scale{};
    typename S::storage::zero_type zero{};
    float step = 0;    ///< what codes divide by, or multiply with under by_factor; 0: every value has the code of zero
    float origin = 0;  ///< what codes subtract first
};

/// A scale rule that also says how scale and zero are rounded, in the order in which another system does:
/// `parameters<S>(range)`. The range of a scheme with a zero point holds zero.
///   counts_from_lowest = true   the origin is the value of the lowest code instead of that of index 0
template <class R, class S>
concept parameter_rule = requires(group_range range) {
    { R::template parameters<S>(range) } -> std::same_as<stored_fit<S>>;
};

/// The same of a two_level scale: `super<S>(most)` is the shared part for the largest of the group's `scale(range, low,
/// high)`, `parameters<S>(range, super)` what a group gets beside it.
template <class R, class S>
concept super_parameter_rule = requires(group_range range, float most, typename S::scale_type::super_type super) {
    { R::template super<S>(most) } -> std::same_as<typename S::scale_type::super_type>;
    { R::template parameters<S>(range, super) } -> std::same_as<stored_fit<S>>;
};

}  // namespace nibble
