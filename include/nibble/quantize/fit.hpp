// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/quantize/group.hpp>
#include <nibble/quantize/store_scale.hpp>
#include <nibble/scheme/code_index.hpp>
#include <nibble/scheme/parameter_rule.hpp>
#include <nibble/scheme/value_rule.hpp>

#include <cmath>
#include <concepts>
#include <cstdint>
#include <limits>

namespace nibble {

namespace detail {

/// The range of a group with what the scheme adds to it: zero, where it has to be a code or a padding value.
template <quantization_scheme S>
constexpr group_range widen(group_range range, [[maybe_unused]] bool is_ragged) {
    constexpr bool has_small_offset = S::storage::has_offset && is_two_level<typename S::scale_type>;
    bool const padded = std::same_as<typename S::tail, zero_padded> && is_ragged;
    if (S::storage::has_zero_point || has_small_offset || padded) {
        range.min = range.min > 0.0f ? 0.0f : range.min;
        range.max = range.max < 0.0f ? 0.0f : range.max;
    }
    return range;
}

/// Refuses parameters by which an outermost code is not finite.
template <quantization_scheme S>
constexpr void require_finite_codes(group_parameters<S> const& p, float scale) {
    using St = typename S::storage;
    if (!std::isfinite(St::decode(S::grid::code(S::qmin), p.scale, p.zero)) ||
        !std::isfinite(St::decode(S::grid::code(S::qmax), p.scale, p.zero))) {
        refuse_range<typename S::scale_type>("scale", scale);
    }
}

/// Stores the scale s of a group, which is not that of one value, and what codes divide by.
template <quantization_scheme S>
constexpr void store_step(group_parameters<S>& p, float s) {
    using T = typename S::scale_type;
    if (beyond_range<T>(s)) {
        refuse_range<T>("scale", s);
    }
    if constexpr (std::same_as<typename S::codes_from, codes_from_stored>) {
        bool const lost = s == 0.0f;  // the quotient underflowed; keep the sign that it had
        p.scale = store_scale<T>(lost ? std::copysign(std::numeric_limits<float>::denorm_min(), s) : s);
        p.step = static_cast<float>(p.scale);
    } else {
        p.scale = T(s);
        p.step = s;
    }
    if (static_cast<float>(p.scale) == 0.0f) {
        p.scale = T(0.0f);
        p.step = 0.0f;
        p.underflowed = true;
    }
}

/// s, no smaller than the scheme lets it be.
template <quantization_scheme S>
constexpr float keep_above_least(float s) {
    if constexpr (has_least<typename S::zero_group>) {
        return S::zero_group::at_least(s);
    } else {
        return s;
    }
}

/// The parameters of a group of this range whose rule says how they are stored.
template <quantization_scheme S>
constexpr group_parameters<S> take_stored(stored_fit<S> const& fit, group_range range) {
    group_parameters<S> p{.scale = fit.scale, .zero = fit.zero, .step = fit.step, .origin = fit.origin};
    if (!std::isfinite(fit.step) || !std::isfinite(fit.origin)) {
        refuse_range<typename S::scale_type>("scale", fit.step);
    }
    p.wide = std::isinf(range.max - p.origin) || std::isinf(range.min - p.origin);
    require_finite_codes<S>(p, fit.step);
    return p;
}

/// Scale and zero of a group that shares nothing with another.
template <quantization_scheme S>
constexpr group_parameters<S> fit_alone(group_range range) {
    using T = typename S::scale_type;
    constexpr bool from_stored = std::same_as<typename S::codes_from, codes_from_stored>;
    constexpr bool has_low_offset = std::same_as<typename S::symmetry, asymmetric_offset>;
    constexpr bool has_middle = std::same_as<typename S::symmetry, asymmetric_middle>;
    group_parameters<S> p;
    if constexpr (has_low_offset) {
        p.zero = from_stored ? store_below<T>(range.min) : T(range.min);
        if (beyond_range<T>(range.min) || !std::isfinite(static_cast<float>(p.zero))) {
            refuse_range<T>("offset", range.min);
        }
        p.origin = from_stored ? static_cast<float>(p.zero) : range.min;
        p.wide = std::isinf(range.max - p.origin);
        range.min = p.origin;
    }
    bool const one_value = S::is_symmetric ? range.extreme == 0.0f : range.max == range.min;
    float const s = keep_above_least<S>(S::scale_rule::scale(range, S::low, S::high));
    if (one_value && !has_least<typename S::zero_group>) {
        if constexpr (std::same_as<typename S::zero_group, zero_as_computed>) {
            p.scale = T(s);
        } else if constexpr (!std::same_as<T, e8m0>) {
            p.scale = T(0.0f);
        }
        if constexpr (has_middle) {
            p.zero = store_offset<T>(range.min);
        }
        return p;
    }
    store_step<S>(p, s);
    if (p.step == 0.0f) {
        if constexpr (has_middle) {
            p.zero = store_offset<T>(range.min);
        }
        return p;
    }
    if constexpr (S::storage::has_zero_point) {
        p.zero = zero_point<S>(range.min, p.step);
    } else if constexpr (has_middle) {
        float const origin = nibble::fma(-S::low, p.step, range.min);
        p.zero = store_offset<T>(origin);
        p.origin = from_stored ? static_cast<float>(p.zero) : origin;
        p.wide = std::isinf(range.max - p.origin) || std::isinf(range.min - p.origin);
    }
    require_finite_codes<S>(p, s);
    return p;
}

/// The same where a rule has chosen scale and origin.
template <quantization_scheme S>
group_parameters<S> store_fit(group_fit fit) {
    using T = typename S::scale_type;
    group_parameters<S> p;
    fit.scale = keep_above_least<S>(fit.scale);
    if (fit.scale != 0.0f) {
        store_step<S>(p, fit.scale);
    } else if constexpr (std::same_as<typename S::zero_group, zero_as_computed>) {
        p.scale = T(fit.scale);
    }
    if constexpr (S::storage::has_zero_point) {
        if (p.step != 0.0f) {
            p.zero = zero_point<S>(fit.origin, p.step);
        }
    } else if constexpr (S::storage::has_offset) {
        p.zero = store_offset<T>(fit.origin);
        bool const from_stored = std::same_as<typename S::codes_from, codes_from_stored>;
        p.origin = from_stored ? static_cast<float>(p.zero) : fit.origin;
        p.wide = true;
    }
    require_finite_codes<S>(p, fit.scale);
    return p;
}

}  // namespace detail

/// Scale and zero of a group whose finite values span `range`.
///   is_ragged  it has fewer columns than the scheme's groups
///   error      throws nibble::error where the scale or the offset is beyond the range of its storage type
template <quantization_scheme S>
constexpr group_parameters<S> fit_group(group_range range, bool is_ragged = false) {
    static_assert(!is_two_level<typename S::scale_type>,
                  "nibble: a group of a two_level scheme shares its super scale; use fit_super_block<S>");
    range = detail::widen<S>(range, is_ragged);
    if constexpr (parameter_rule<typename S::scale_rule, S>) {
        return detail::take_stored<S>(S::scale_rule::template parameters<S>(range), range);
    } else {
        return detail::fit_alone<S>(range);
    }
}

/// The scale that a group wants where nothing is rounded yet.
template <quantization_scheme S>
constexpr float wanted_scale(group_range range, bool is_ragged = false) {
    return S::scale_rule::scale(detail::widen<S>(range, is_ragged), S::low, S::high);
}

}  // namespace nibble
