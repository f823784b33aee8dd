// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/numeric/float_bits.hpp>
#include <nibble/numeric/multiply.hpp>
#include <nibble/scheme/axis.hpp>

#include <cstdint>

namespace nibble {

/// What a scale rule sees of the values of one group. All are finite; of an empty group, 0.
struct group_range {
    float min = 0;
    float max = 0;
    float extreme = 0;  ///< the first value of the largest magnitude, with its sign
};

/// A scale rule is `scale(range, low, high)`, what the values are divided by to lie on the format's grid, whose levels
/// in use are low … high: qmin … qmax of integers. f32, before it is rounded to its storage type. A rule that looks at
/// every value of the group is a `value_rule` instead (value_rule.hpp).

namespace detail {

/// Whether a rule gives the scale of a symmetric scheme; a rule that does not says `serves_symmetric = false`.
template <class Rule>
inline constexpr bool serves_symmetric = [] {
    if constexpr (requires { Rule::serves_symmetric; }) {
        return Rule::serves_symmetric;
    }
    return true;
}();

/// Whether a rule gives the scale of a scheme with a zero point or an offset; it says `serves_asymmetric = true` then.
template <class Rule>
inline constexpr bool serves_asymmetric = [] {
    if constexpr (requires { Rule::serves_asymmetric; }) {
        return Rule::serves_asymmetric;
    }
    return false;
}();

/// Whether a rule gives what values are multiplied by beside the scale; it says `gives_factor = true` then.
template <class Rule>
inline constexpr bool gives_factor = requires { requires Rule::gives_factor; };

/// Whether a rule asks a range for the magnitude of its extreme alone; it says `sees_magnitude_alone = true` then.
template <class Rule>
inline constexpr bool sees_magnitude_alone = requires { requires Rule::sees_magnitude_alone; };

/// Whether a rule gives powers of two only; it says `gives_powers_of_two = true` then.
template <class Rule>
inline constexpr bool gives_powers_of_two = requires { requires Rule::gives_powers_of_two; };

}  // namespace detail

/// s = max|x| / high, that is / qmax: both extremes stay in range.
struct absmax_over_qmax {
    using axis = axis::scale_rule;
    static constexpr char const* name = "absmax";
    static constexpr bool sees_magnitude_alone = true;
    NIBBLE_HD static constexpr float scale(group_range r, float /*low*/, float high) {
        return (r.extreme < 0 ? -r.extreme : r.extreme) / high;
    }
};

/// s = max|x| / ((qmax − qmin) / 2): the finest grid, which may clip the extreme of the shorter side by half a step.
struct absmax_over_half_range {
    using axis = axis::scale_rule;
    static constexpr char const* name = "absmax_half_range";
    static constexpr bool sees_magnitude_alone = true;
    NIBBLE_HD static constexpr float scale(group_range r, float low, float high) {
        return (r.extreme < 0 ? -r.extreme : r.extreme) / ((high - low) / 2.0f);
    }
};

/// s = max|x| / −low, that is / 2^(b−1) over the full range: the negative extreme stays in range, the positive one may
/// be clipped by a step.
struct absmax_over_qmin {
    using axis = axis::scale_rule;
    static constexpr char const* name = "absmax_qmin";
    static constexpr bool sees_magnitude_alone = true;
    NIBBLE_HD static constexpr float scale(group_range r, float low, float /*high*/) {
        return (r.extreme < 0 ? -r.extreme : r.extreme) / -low;
    }
};

/// s = max(min / low, max / high): the finest grid that clips nothing, each side by its own extreme.
struct no_clipping {
    using axis = axis::scale_rule;
    static constexpr char const* name = "no_clip";
    NIBBLE_HD static constexpr float scale(group_range r, float low, float high) {
        float const below = r.min < 0 ? r.min / low : 0.0f;
        float const above = r.max > 0 ? r.max / high : 0.0f;
        return below > above ? below : above;
    }
};

/// s = extreme / qmin, which may be negative: the value of largest magnitude always gets the lowest code.
struct signed_extreme {
    using axis = axis::scale_rule;
    static constexpr char const* name = "extreme";
    NIBBLE_HD static constexpr float scale(group_range r, float low, float /*high*/) { return r.extreme / low; }
};

/// s = (max − min) / (qmax − qmin). Computed as a difference of quotients where the plain one would overflow.
struct min_max {
    using axis = axis::scale_rule;
    static constexpr char const* name = "min_max";
    static constexpr bool serves_symmetric = false;
    static constexpr bool serves_asymmetric = true;
    NIBBLE_HD static constexpr float scale(group_range r, float low, float high) {
        float const steps = high - low;
        bool const wide = r.max / 2.0f - r.min / 2.0f > 1.7014117e38f;
        return wide ? r.max / steps - r.min / steps : (r.max - r.min) / steps;
    }
};

/// The smallest power of two that is not below max|x| / high: for e8m0, which stores nothing else.
struct power_of_two_above {
    using axis = axis::scale_rule;
    static constexpr char const* name = "pow2";
    static constexpr bool sees_magnitude_alone = true;
    static constexpr bool gives_powers_of_two = true;
    NIBBLE_HD static constexpr float scale(group_range r, float low, float high) {
        float const s = absmax_over_qmax::scale(r, low, high);
        auto const b = detail::bits_of(s);
        if (b <= 0x00400000u) {
            return b == 0u ? 0.0f : detail::float_of(0x00400000u);  // 2^-127, the least that e8m0 has
        }
        if (b < 0x00800000u) {
            return detail::float_of(0x00800000u);
        }
        return detail::float_of((b + 0x7fffffu) & 0xff800000u);
    }
};

/// The power of two of max|x|'s binade over that of the highest level: the OCP Microscaling rule, which clips values
/// beyond `high`.  s = 2^(floor(log2 max|x|) − floor(log2 high)),  at least 2^-127.
///   source  OCP Microscaling Formats (MX) v1.0, 6.3
struct power_of_two_of_binade {
    using axis = axis::scale_rule;
    static constexpr char const* name = "pow2_binade";
    static constexpr bool sees_magnitude_alone = true;
    static constexpr bool gives_powers_of_two = true;
    NIBBLE_HD static constexpr float scale(group_range r, float /*low*/, float high) {
        auto const size = detail::bits_of(r.extreme) & 0x7fffffffu;
        if (size == 0u) {
            return 0.0f;
        }
        int const drop = static_cast<int>(detail::bits_of(high) >> 23) - 127;
        int const binade = static_cast<int>(size >> 23) - drop;
        return detail::float_of(binade <= 0 ? 0x00400000u : static_cast<std::uint32_t>(binade) << 23);
    }
};

/// Codes are chosen with the scale (and offset) as it is stored: the nearest code is the nearest value.
struct codes_from_stored {
    using axis = axis::codes_from;
    static constexpr char const* name = "stored";
};

/// Codes are chosen before the scale is rounded to its storage type, as ggml and MLX do.
struct codes_from_unrounded {
    using axis = axis::codes_from;
    static constexpr char const* name = "unrounded";
};

/// v = x / s, correctly rounded.
struct divide {
    using axis = axis::division;
    static constexpr char const* name = "divide";
    NIBBLE_HD static constexpr float apply(float x, float s) { return x / s; }
};

/// v = x · (1 / s), two roundings; x / s where 1 / s would be infinite.
struct reciprocal {
    using axis = axis::division;
    static constexpr char const* name = "reciprocal";
    NIBBLE_HD static constexpr float apply(float x, float s) {
        bool const tiny = s > -0x1p-126f && s < 0x1p-126f;
        return tiny ? x / s : multiply(x, 1.0f / s);
    }
};

/// q = round(x / s) + z: rounding that does not see the zero point.
struct zero_after_rounding {
    using axis = axis::zero_order;
    static constexpr char const* name = "zero_after";
    template <class Rounding, class... Random>
    NIBBLE_HD static constexpr float index(float position, float zero, Random... random) {
        return Rounding::round(position, random...) + zero;
    }
};

/// q = round(x / s + z): where z is odd, ties to even go the other way.
struct zero_before_rounding {
    using axis = axis::zero_order;
    static constexpr char const* name = "zero_before";
    template <class Rounding, class... Random>
    NIBBLE_HD static constexpr float index(float position, float zero, Random... random) {
        return Rounding::round(position + zero, random...);
    }
};

/// An all-zero group gets scale +0 and the codes of zero.
struct canonical_zero {
    using axis = axis::zero_group;
    static constexpr char const* name = "canonical_zero";
};

/// An all-zero group gets whatever sign of zero its rule computes (ggml's −0), and the codes of zero.
struct zero_as_computed {
    using axis = axis::zero_group;
    static constexpr char const* name = "computed_zero";
};

/// A policy that keeps scales above a least value has `at_least(s)`, the scale that s becomes; an all-zero group gets
/// at_least(0). The three in use by others:

/// s = max(s, 2^-126), the smallest normal f32.
struct at_least_smallest_normal {
    using axis = axis::zero_group;
    static constexpr char const* name = "min_normal";
    NIBBLE_HD static constexpr float at_least(float s) { return s > 0x1p-126f ? s : 0x1p-126f; }
};

/// s = max(s, 2^-23), f32's epsilon.
struct at_least_epsilon {
    using axis = axis::zero_group;
    static constexpr char const* name = "min_epsilon";
    NIBBLE_HD static constexpr float at_least(float s) { return s > 0x1p-23f ? s : 0x1p-23f; }
};

/// s = max(s, 10^-6).
struct at_least_one_millionth {
    using axis = axis::zero_group;
    static constexpr char const* name = "min_1e-6";
    NIBBLE_HD static constexpr float at_least(float s) { return s > 1e-6f ? s : 1e-6f; }
};

}  // namespace nibble
