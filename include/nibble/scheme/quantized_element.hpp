// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/numeric/host_device.hpp>  // NIBBLE_HD

namespace nibble {

/// How the values of a group and the levels of their codes belong together:  ŵ = s · (level − z) + o.
template <class T>
struct affine_parameters {
    T scale{};       ///< s, which decodes
    T step{};        ///< what values are divided by; equal to s but for a dual scale
    T zero_point{};  ///< z, a code; 0 where there is none
    T offset{};      ///< o, a value; 0 where there is none

    /// Where w lies among the levels before rounding:  u = (w − o) / step + z.
    NIBBLE_HD constexpr T position(T w) const { return (w - offset) / step + zero_point; }
    NIBBLE_HD constexpr T value(T level) const { return scale * (level - zero_point) + offset; }
};

/// One value beside what quantizing made of it: all that a gradient may look at. Levels and positions are in units of
/// the step; of an integer format, a level is its code.
template <class T>
struct quantized_element {
    affine_parameters<T> parameters;
    T value{};             ///< w
    T position{};          ///< u; the level itself where the step is 0
    T level{};             ///< the level that was chosen, in [low, high]
    T residual{};          ///< level − u to the precision of T, which the difference of the two need not have
    bool clamped = false;  ///< rounding gave an integer that is not in use, so the nearest in use was taken
    T low{};               ///< Qn, the lowest level in use
    T high{};              ///< Qp, the highest level in use
};

/// ∂ŵ of one element with respect to what it was made of, or a move of these.
template <class T>
struct partial_derivatives {
    T input{};       ///< w
    T scale{};       ///< the parameter that gives the scale: s, or what the policy learns in its place
    T step{};        ///< the step of a dual scale
    T zero_point{};  ///< z
    T offset{};      ///< o
};

}  // namespace nibble
