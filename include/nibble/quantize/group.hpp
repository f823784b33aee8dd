// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/numeric/error.hpp>
#include <nibble/scheme/compose.hpp>

#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>

namespace nibble {

/// What codes of one group are chosen with and decoded by.
template <quantization_scheme S>
struct group_parameters {
    typename S::storage::scale_type scale{};  ///< as stored
    typename S::storage::zero_type zero{};    ///< as stored
    float step = 0;            ///< what codes divide by: the stored or the unrounded scale; 0 for a group of one value
    float origin = 0;          ///< what codes subtract first: the offset, else 0
    bool underflowed = false;  ///< a scale that is not 0 became 0 in its storage type
};

namespace detail {

/// The value of `T` nearest to x, or where x lies among T's subnormals the next one away from zero, so that the
/// largest code still reaches the extreme.
template <class T>
T store_scale(float x) {
    if constexpr (std::same_as<T, e8m0>) {
        return T(x);  // power_of_two_above has chosen a value that e8m0 has
    } else if constexpr (std::same_as<T, float>) {
        return std::fabs(x) < std::numeric_limits<float>::min() ? std::nextafter(x, x < 0 ? -1.0f : 1.0f) : x;
    } else {
        T const stored(x);
        float const smallest_normal = std::same_as<T, f16> ? 0x1p-14f : 0x1p-126f;
        bool const short_of_x = std::fabs(static_cast<float>(stored)) <= std::fabs(x);
        if (std::fabs(x) < smallest_normal && short_of_x) {
            bool const exact = static_cast<float>(stored) == x && std::fabs(x) >= std::numeric_limits<float>::min();
            return exact ? stored : T::from_bits(static_cast<std::uint16_t>(stored.bits + 1u));
        }
        return stored;
    }
}

/// The largest value of `T` that is not above x.
template <class T>
T store_below(float x) {
    T stored(x);
    if constexpr (!std::same_as<T, float>) {
        if (static_cast<float>(stored) > x) {
            bool const negative = std::signbit(static_cast<float>(stored));
            bool const zero = static_cast<float>(stored) == 0.0f;
            stored = zero ? T::from_bits(0x8001u)
                          : T::from_bits(static_cast<std::uint16_t>(negative ? stored.bits + 1u : stored.bits - 1u));
        }
    }
    return stored;
}

/// (x − origin) / s by the scheme's division, without an infinite difference on the way.
template <quantization_scheme S>
float quotient(float x, float origin, float s) {
    float const difference = x - origin;
    if (std::isinf(difference)) {
        return S::division::apply(x, s) - S::division::apply(origin, s);
    }
    return S::division::apply(difference, s);
}

inline group_range range_of(std::span<float const> x) {
    group_range r;
    if (!x.empty()) {
        r.min = r.max = x[0];
    }
    for (float const v : x) {
        r.min = v < r.min ? v : r.min;
        r.max = v > r.max ? v : r.max;
        r.extreme = std::fabs(v) > std::fabs(r.extreme) ? v : r.extreme;
    }
    return r;
}

}  // namespace detail

/// Scale and zero of a group whose finite values span `range`.
///   error  throws nibble::error where the scale or the offset is beyond the range of its storage type
template <quantization_scheme S>
group_parameters<S> fit_group(group_range range) {
    using T = typename S::scale_type;
    constexpr bool from_stored = std::same_as<typename S::codes_from, codes_from_stored>;
    constexpr bool has_offset = std::same_as<typename S::symmetry, asymmetric_offset>;
    constexpr bool has_zero_point = std::same_as<typename S::symmetry, asymmetric>;
    auto const refuse = [](char const* what, float value) {
        throw error("The " + std::string(what) + " " + std::to_string(value) + " of a group is beyond the range of " +
                    scale_type_name<T> + ", or its codes beyond that of f32; use a wider type, scale_as<bf16> or " +
                    "scale_as<float>, or scale the tensor down.");
    };

    group_parameters<S> p;
    if constexpr (has_zero_point) {
        range.min = std::fmin(range.min, 0.0f);
        range.max = std::fmax(range.max, 0.0f);
    } else if constexpr (has_offset) {
        p.zero = from_stored ? detail::store_below<T>(range.min) : T(range.min);
        if (!std::isfinite(static_cast<float>(p.zero))) {
            refuse("offset", range.min);
        }
        p.origin = from_stored ? static_cast<float>(p.zero) : range.min;
        range.min = p.origin;
    }
    bool const one_value = S::is_symmetric ? range.extreme == 0.0f : range.max == range.min;
    float const s = S::scale_rule::scale(range, S::qmin, S::qmax);
    if (one_value) {
        if constexpr (std::same_as<typename S::zero_group, zero_as_computed>) {
            p.scale = T(s);
        } else if constexpr (!std::same_as<T, e8m0>) {
            p.scale = T(0.0f);
        }
        return p;
    }
    if constexpr (from_stored) {
        bool const lost = s == 0.0f;  // the quotient underflowed; keep the sign that it had
        p.scale = detail::store_scale<T>(lost ? std::copysign(std::numeric_limits<float>::denorm_min(), s) : s);
        p.step = static_cast<float>(p.scale);
    } else {
        p.scale = T(s);
        p.step = s;
    }
    float const stored = static_cast<float>(p.scale);
    if (!std::isfinite(stored)) {
        refuse("scale", s);
    }
    if (stored == 0.0f) {
        p.scale = T(0.0f);
        p.step = 0.0f;
        p.underflowed = true;
        return p;
    }
    if constexpr (has_zero_point) {
        float const z = round_to_nearest_even::round(S::division::apply(-range.min, p.step));
        p.zero = static_cast<std::uint8_t>(std::fmin(std::fmax(z, 0.0f), static_cast<float>(S::qmax)));
    }
    constexpr auto bias = S::storage::bias;
    if (!std::isfinite(S::storage::decode(static_cast<unsigned>(S::qmin + bias), p.scale, p.zero)) ||
        !std::isfinite(S::storage::decode(static_cast<unsigned>(S::qmax + bias), p.scale, p.zero))) {
        refuse("scale", s);
    }
    return p;
}

/// The stored code of x:  clamp(round((x − origin) / step) + z, qmin, qmax) + bias;  the code of zero (or of the
/// offset) where the step is 0.
template <quantization_scheme S>
unsigned encode(float x, group_parameters<S> const& p) {
    float zero = 0.0f;
    if constexpr (std::same_as<typename S::symmetry, asymmetric>) {
        zero = static_cast<float>(p.zero);
    }
    float code = zero;
    if (p.step != 0.0f) {
        code = S::rounding::round(detail::quotient<S>(x, p.origin, p.step)) + zero;
        code = std::fmin(std::fmax(code, static_cast<float>(S::qmin)), static_cast<float>(S::qmax));
    }
    return static_cast<unsigned>(static_cast<int>(code) + S::storage::bias);
}

}  // namespace nibble
