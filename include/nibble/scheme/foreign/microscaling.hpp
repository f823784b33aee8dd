// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/scheme/compose.hpp>
#include <nibble/scheme/float_format.hpp>
#include <nibble/scheme/foreign/arithmetic.hpp>
#include <nibble/scheme/parameter_rule.hpp>

#include <cstdint>
#include <limits>

namespace nibble {

// MXFP4 and NVFP4 as torchao computes them, in f32 whatever the tensor is. It keeps the sign of values that become
// zero, in code 8; no quantizer here writes that code.
// source: torchao 0.18.0, prototype/mx_formats/mx_tensor.py and nvfp4_tensor.py

/// v = x / max(s, 2^-126): the least e8m0 scale, 2^-127, decodes half of what codes were chosen with.
struct divide_by_normal {
    using axis = axis::division;
    static constexpr char const* name = "divide_normal";
    NIBBLE_HD static constexpr float apply(float x, float s) { return x / at_least_smallest_normal::at_least(s); }
};

/// v = x / s, and x itself for the least e8m0 scale, 2^-127.
struct divide_but_by_least {
    using axis = axis::division;
    static constexpr char const* name = "divide_but_least";
    NIBBLE_HD static constexpr float apply(float x, float s) { return s == 0x1p-127f ? x : x / s; }
};

namespace detail {

/// 2^(binade of the f32 of these bits − binade of `high`), at least 2^-127; 0 of 0.
NIBBLE_HD constexpr float power_over_high(std::uint32_t bits, float high) {
    auto const drop = (bits_of(high) >> 23) - 127u;
    std::uint32_t const binade = bits >> 23;
    return bits == 0u ? 0.0f : float_of(binade <= drop ? 0x00400000u : (binade - drop) << 23);
}

}  // namespace detail

/// power_of_two_of_binade of max|x| rounded to one bit of mantissa, half up.
struct power_of_two_of_rounded {
    using axis = axis::scale_rule;
    static constexpr char const* name = "pow2_rounded";
    static constexpr bool gives_powers_of_two = true;
    NIBBLE_HD static constexpr float scale(group_range r, float /*low*/, float high) {
        std::uint32_t const size = detail::bits_of(r.extreme) & 0x7fffffffu;
        return detail::power_over_high(size == 0u ? 0u : size + 0x200000u, high);
    }
};

/// power_of_two_of_binade of the power of two that is not below max|x|.
struct power_of_two_of_ceiling {
    using axis = axis::scale_rule;
    static constexpr char const* name = "pow2_ceiling";
    static constexpr bool gives_powers_of_two = true;
    NIBBLE_HD static constexpr float scale(group_range r, float /*low*/, float high) {
        std::uint32_t const size = detail::bits_of(r.extreme) & 0x7fffffffu;
        return detail::power_over_high(size == 0u ? 0u : size + 0x7fffffu, high);
    }
};

/// s = min(max|x| / high, 448), the largest e4m3.
struct absmax_within_e4m3 {
    using axis = axis::scale_rule;
    static constexpr char const* name = "absmax_e4m3";
    NIBBLE_HD static constexpr float scale(group_range r, float low, float high) {
        float const s = absmax_over_qmax::scale(r, low, high);
        return s < e4m3::largest ? s : e4m3::largest;
    }
};

/// The two levels of NVFP4, T for the matrix:
///   T = max over the matrix |x| / (448 high),  s = e4m3(clamp((max|x| / high) / T, 2^-6, 448)),  v = x · ((1 / T) / s)
/// No e4m3 scale is subnormal, and an all-zero group has 2^-6. Where the factor (1 / T) / s would be infinite, so near
/// to zero, the codes are those of zero.
struct absmax_of_two_levels {
    using axis = axis::scale_rule;
    static constexpr char const* name = "absmax_two_levels";
    static constexpr bool gives_factor = true;

    NIBBLE_HD static constexpr float scale(group_range r, float /*low*/, float /*high*/) {
        return r.extreme < 0 ? -r.extreme : r.extreme;
    }
    template <class S>
    static constexpr typename S::scale_type::super_type super(float most) {
        return most / (S::high * e4m3::largest);
    }
    template <class S>
    static constexpr stored_fit<S> parameters(group_range r, typename S::scale_type::super_type super) {
        float const s = absmax_over_qmax::scale(r, S::low, S::high) / super;
        e4m3 const fine(s > 0x1p-6f ? s : 0x1p-6f);
        float const factor = 1.0f / super / static_cast<float>(fine);
        return {{fine, super}, {}, factor <= (std::numeric_limits<float>::max)() ? factor : 0.0f, 0.0f};
    }
};

template <class Rule, class Division>
using torchao_mx = scheme<e2m1, per_group<32>, scale_as<e8m0>, Rule, Division, reject_tail>;

using torchao_mxfp4 = torchao_mx<power_of_two_of_binade, divide_by_normal>;        ///< the rule `floor`, its default
using torchao_mxfp4_even = torchao_mx<power_of_two_of_rounded, divide_by_normal>;  ///< the rule `even`
using torchao_mxfp4_ceil = torchao_mx<power_of_two_of_ceiling, divide_by_normal>;  ///< the rule `ceil`
using torchao_mxfp4_rceil = torchao_mx<power_of_two_above, divide_but_by_least>;   ///< the rule `rceil`
using torchao_nvfp4 =
    scheme<e2m1, per_group<16>, scale_as<two_level<e4m3, float, 0>>, absmax_of_two_levels, by_factor, reject_tail>;
/// The same without a scale for the matrix.
using torchao_nvfp4_block = scheme<e2m1, per_group<16>, scale_as<e4m3>, absmax_within_e4m3,
                                   at_least_smallest_normal_e4m3, reciprocal, reject_tail>;

}  // namespace nibble
