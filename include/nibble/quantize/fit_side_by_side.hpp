// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/numeric/e4m3.hpp>
#include <nibble/numeric/float_bits.hpp>
#include <nibble/numeric/vectorized.hpp>
#include <nibble/quantize/fit.hpp>
#include <nibble/quantize/group.hpp>
#include <nibble/quantize/store_scale.hpp>
#include <nibble/scheme/code_index.hpp>
#include <nibble/scheme/parameter_rule.hpp>
#include <nibble/scheme/scale_type.hpp>
#include <nibble/scheme/value_rule.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>

namespace nibble::detail {

/// Whether neighbouring groups of S can be fitted a lane each: none shares a scale, and a rule gives it for the range.
template <quantization_scheme S>
inline constexpr bool fits_side_by_side =
    S::storage::rows == 1 && !S::storage::has_offset && !is_two_level<typename S::scale_type> &&
    !value_rule<typename S::scale_rule, S> && !parameter_rule<typename S::scale_rule, S> &&
    magnitude(S::low) <= 0x1p20f && magnitude(S::high) <= 0x1p20f;

/// The bits of floats as integers that are in the same order, NaN the outermost, −0 below +0; and back.
constexpr std::int32_t in_order(std::int32_t bits) { return bits ^ ((bits >> 31) & 0x7fffffff); }

/// The ranges of `lanes` groups.
struct range_lanes {
    float min[lanes];
    float max[lanes];
};

/// The range of one group as lane g of `to`. Where its magnitude is enough, −max|x| … max|x|.
template <bool MagnitudeAlone>
void range_to_lane(float const* x, std::size_t width, range_lanes& to, std::size_t g) {
    std::int32_t low = (std::numeric_limits<std::int32_t>::max)();
    std::int32_t high = MagnitudeAlone ? 0 : (std::numeric_limits<std::int32_t>::min)();
#pragma GCC unroll 1
    for (std::size_t i = 0; i < width; ++i) {
        auto const bits = static_cast<std::int32_t>(bits_of(x[i]));
        std::int32_t const value = MagnitudeAlone ? bits & 0x7fffffff : in_order(bits);
        high = value > high ? value : high;
        if constexpr (!MagnitudeAlone) {
            low = value < low ? value : low;
        }
    }
    to.max[g] = float_of(static_cast<std::uint32_t>(MagnitudeAlone ? high : in_order(high)));
    to.min[g] = MagnitudeAlone ? -to.max[g] : float_of(static_cast<std::uint32_t>(in_order(low)));
}

/// Parameters of up to `lanes` whole neighbouring groups of `width` columns, from the values of the first on: those of
/// fit_group.
///   result  bit g is set where group g is none of the plain cases that are decided here, and to[g] is not set: values
///           that are not finite, zeros at an end of the range, ends of the same size where that matters, a scale that
///           is not a normal number of its type or large
template <quantization_scheme S>
    requires(fits_side_by_side<S>)
std::uint32_t fit_side_by_side(float const* x, std::size_t groups, std::size_t width, group_parameters<S>* to) {
    using T = typename S::scale_type;
    constexpr bool magnitude_alone = S::is_symmetric && sees_magnitude_alone<typename S::scale_rule>;
    range_lanes r{};
    for (std::size_t g = 0; g < groups; ++g) {
        std::size_t const constant = S::storage::group;
        range_to_lane<magnitude_alone>(x + g * width, constant == 0 ? width : constant, r, g);
    }
    float s[lanes], stored[lanes], step[lanes];
    T scale[lanes];
    std::int32_t is_plain[lanes];
    for_each_lane([&](std::size_t g) {
        float const extreme = magnitude_alone || r.max[g] > -r.min[g] ? r.max[g] : r.min[g];
        group_range const range = widen<S>({r.min[g], r.max[g], extreme}, false);
        s[g] = keep_above_least<S>(S::scale_rule::scale(range, S::low, S::high));
    });
    for_each_lane([&](std::size_t g) { scale[g] = T(s[g]); });
    for_each_lane([&](std::size_t g) { stored[g] = static_cast<float>(scale[g]); });
    for_each_lane(
        [&](std::size_t g) { step[g] = std::same_as<typename S::codes_from, codes_from_stored> ? stored[g] : s[g]; });
    for_each_lane([&](std::size_t g) {
        constexpr float largest = std::same_as<T, e4m3> ? e4m3::largest : 0x1p100f;  // e4m3 saturates
        float const size = magnitude(s[g]);
        bool const least_is_finite = is_finite(r.min[g]);
        bool const most_is_finite = is_finite(r.max[g]);
        bool const is_stored = is_finite(stored[g]);
        bool const is_normal = size >= smallest_normal<T>;
        bool plain = least_is_finite & most_is_finite & is_stored & is_normal & (size <= largest) & (r.max[g] != 0.0f);
        if constexpr (!magnitude_alone) {
            plain = plain & (r.min[g] != 0.0f) & (r.max[g] != -r.min[g]);
        }
        is_plain[g] = plain ? 1 : 0;
    });
    std::uint8_t zero[lanes] = {};
    if constexpr (S::storage::has_zero_point) {
        for_each_lane([&](std::size_t g) { zero[g] = zero_point<S>(r.min[g] > 0.0f ? 0.0f : r.min[g], step[g]); });
    }
    std::uint32_t odd = 0;
    for (std::size_t g = 0; g < groups; ++g) {
        // Member by member: compilers copy a whole one through memory in pieces, and wait for these.
        to[g].scale = scale[g];
        to[g].step = step[g];
        to[g].origin = 0.0f;
        to[g].underflowed = false;
        to[g].wide = false;
        if constexpr (S::storage::has_zero_point) {
            to[g].zero = zero[g];
        }
        odd |= static_cast<std::uint32_t>(is_plain[g] ^ 1) << g;
    }
    return odd;
}

/// Parameters of the groups of a run, at most `lanes`: side by side where `values`, those of all of them, says so, and
/// careful(g), which sets to[g], for each of the others, a ragged last one too. Without values all are others.
template <quantization_scheme S, class Careful>
    requires(fits_side_by_side<S>)
void fit_run(std::span<float const> values, std::span<group_parameters<S>> to, Careful const& careful) {
    std::size_t const width = S::storage::group == 0 ? values.size() : S::storage::group;
    std::size_t const groups = values.empty() ? 0 : values.size() / width;
    std::uint32_t odd = 0;
    vectorized([&] { odd = fit_side_by_side<S>(values.data(), groups, width, to.data()); });
    for (std::size_t g = 0; g < to.size(); ++g) {
        if (g >= groups || (odd >> g & 1u) != 0) {
            to[g] = {};
            careful(g);
        }
    }
}

}  // namespace nibble::detail
