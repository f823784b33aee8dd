// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/numeric/bf16.hpp>
#include <nibble/numeric/e8m0.hpp>
#include <nibble/numeric/f16.hpp>
#include <nibble/numeric/float_bits.hpp>
#include <nibble/numeric/multiply.hpp>
#include <nibble/scheme/axis.hpp>

#include <cstdint>

namespace nibble {

template <class T>
inline constexpr char const* scale_type_name = nullptr;
template <>
inline constexpr char const* scale_type_name<float> = "f32";
template <>
inline constexpr char const* scale_type_name<f16> = "f16";
template <>
inline constexpr char const* scale_type_name<bf16> = "bf16";
template <>
inline constexpr char const* scale_type_name<e8m0> = "e8m0";

/// Scales are stored as T: float, f16, bf16 or e8m0.
template <class T>
struct scale_as {
    static_assert(scale_type_name<T> != nullptr, "nibble: scale_as<T> needs T to be float, f16, bf16 or e8m0");
    using axis = axis::scale_type;
    using type = T;
    static constexpr char const* name = scale_type_name<T>;
};

/// What a scale rule sees of the values of one group. All are finite; of an empty group, 0.
struct group_range {
    float min = 0;
    float max = 0;
    float extreme = 0;  ///< the first value of the largest magnitude, with its sign
};

/// A scale rule is `scale(range, qmin, qmax)`, the step between codes in units of the values; f32, before it is
/// rounded to its storage type.

/// s = max|x| / qmax: both extremes stay in range.
struct absmax_over_qmax {
    using axis = axis::scale_rule;
    static constexpr char const* name = "absmax";
    NIBBLE_HD static constexpr float scale(group_range r, int /*qmin*/, int qmax) {
        return (r.extreme < 0 ? -r.extreme : r.extreme) / static_cast<float>(qmax);
    }
};

/// s = max|x| / ((qmax − qmin) / 2): the finest grid, which may clip the extreme of the shorter side by half a step.
struct absmax_over_half_range {
    using axis = axis::scale_rule;
    static constexpr char const* name = "absmax_half_range";
    NIBBLE_HD static constexpr float scale(group_range r, int qmin, int qmax) {
        return (r.extreme < 0 ? -r.extreme : r.extreme) / (static_cast<float>(qmax - qmin) / 2.0f);
    }
};

/// s = extreme / qmin, which may be negative: the value of largest magnitude always gets the lowest code.
struct signed_extreme {
    using axis = axis::scale_rule;
    static constexpr char const* name = "extreme";
    NIBBLE_HD static constexpr float scale(group_range r, int qmin, int /*qmax*/) {
        return r.extreme / static_cast<float>(qmin);
    }
};

/// s = (max − min) / (qmax − qmin). Computed as a difference of quotients where the plain one would overflow.
struct min_max {
    using axis = axis::scale_rule;
    static constexpr char const* name = "min_max";
    NIBBLE_HD static constexpr float scale(group_range r, int qmin, int qmax) {
        auto const steps = static_cast<float>(qmax - qmin);
        bool const wide = r.max / 2.0f - r.min / 2.0f > 1.7014117e38f;
        return wide ? r.max / steps - r.min / steps : (r.max - r.min) / steps;
    }
};

/// The smallest power of two that is not below max|x| / qmax: for e8m0, which stores nothing else.
struct power_of_two_above {
    using axis = axis::scale_rule;
    static constexpr char const* name = "pow2";
    NIBBLE_HD static constexpr float scale(group_range r, int qmin, int qmax) {
        float const s = absmax_over_qmax::scale(r, qmin, qmax);
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

}  // namespace nibble
