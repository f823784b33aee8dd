// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/numeric/error.hpp>
#include <nibble/numeric/multiply.hpp>
#include <nibble/scheme/compose.hpp>

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <string>
#include <type_traits>

namespace nibble {

/// What codes of one group are chosen with and decoded by.
template <quantization_scheme S>
struct group_parameters {
    typename S::storage::scale_type scale{};  ///< as stored
    typename S::storage::zero_type zero{};    ///< as stored
    float step = 0;            ///< what codes divide by: the stored or the unrounded scale; 0 for a group of one value
    float origin = 0;          ///< what codes subtract first: the offset, else 0
    bool underflowed = false;  ///< a scale that is not 0 became 0 in its storage type
    bool wide = false;         ///< x − origin is beyond the range of f32 for some x of the group
};

namespace detail {

/// The value of `T` nearest to x, or where x lies among T's subnormals the next one away from zero, so that the
/// largest code still reaches the extreme.
template <class T>
T store_scale(float x) {
    if constexpr (std::same_as<T, e8m0>) {
        return T(x);  // power_of_two_above has chosen a value that e8m0 has
    } else if constexpr (std::same_as<T, float>) {
        return std::fabs(x) < (std::numeric_limits<float>::min)() ? std::nextafter(x, x < 0 ? -1.0f : 1.0f) : x;
    } else {
        T const stored(x);
        float const smallest_normal = std::same_as<T, f16> ? 0x1p-14f : 0x1p-126f;
        bool const short_of_x = std::fabs(static_cast<float>(stored)) <= std::fabs(x);
        if (std::fabs(x) < smallest_normal && short_of_x) {
            bool const exact = static_cast<float>(stored) == x && std::fabs(x) >= (std::numeric_limits<float>::min)();
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

/// Loops over values take this many at a time.
inline constexpr std::size_t lanes = 16;

/// f(0) … f(Count − 1), not unrolled: of a loop with a constant count, compilers make vector code.
template <std::size_t Count = lanes, class F>
[[gnu::always_inline]] inline void for_each_lane(F const& f) {
#pragma GCC unroll 1
    for (std::size_t lane = 0; lane < Count; ++lane) {
        f(lane);
    }
}

inline group_range range_of(std::span<float const> x) {
    group_range r;
    if (x.empty()) {
        return r;
    }
    float least[lanes];
    float most[lanes];
    std::fill_n(least, lanes, x[0]);
    std::fill_n(most, lanes, x[0]);
    auto const widen = [&](std::size_t lane, float low, float high) {
        least[lane] = low < least[lane] ? low : least[lane];
        most[lane] = high > most[lane] ? high : most[lane];
    };
    std::size_t i = 0;
    for (; i + lanes <= x.size(); i += lanes) {
        for_each_lane([&](std::size_t lane) { widen(lane, x[i + lane], x[i + lane]); });
    }
    for (; i < x.size(); ++i) {
        widen(0, x[i], x[i]);
    }
    auto const fold = [&]<std::size_t Half>(std::integral_constant<std::size_t, Half>) {
        for_each_lane<Half>([&](std::size_t lane) { widen(lane, least[lane + Half], most[lane + Half]); });
    };
    fold(std::integral_constant<std::size_t, lanes / 2>{});
    fold(std::integral_constant<std::size_t, lanes / 4>{});
    fold(std::integral_constant<std::size_t, lanes / 8>{});
    fold(std::integral_constant<std::size_t, lanes / 16>{});
    // Lanes lose the order of equal values, which shows where their signs differ: zeros, and extremes of both signs.
    auto const first_of_size = [&](float size) {
        return *std::find_if(x.begin(), x.end(), [&](float v) { return std::fabs(v) == size; });
    };
    r.min = least[0] == 0.0f ? first_of_size(0.0f) : least[0];
    r.max = most[0] == 0.0f ? first_of_size(0.0f) : most[0];
    if (r.max != -r.min) {
        r.extreme = r.max > -r.min ? r.max : r.min;
    } else if (r.max != 0.0f) {
        r.extreme = first_of_size(r.max);
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
        p.wide = std::isinf(range.max - p.origin);
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

namespace detail {

/// The code of real zero, or of the offset.
template <quantization_scheme S>
float zero_code(group_parameters<S> const& p) {
    if constexpr (std::same_as<typename S::symmetry, asymmetric>) {
        return static_cast<float>(p.zero);
    } else {
        return 0.0f;
    }
}

/// The integer nearest to `code` that is in use.
template <quantization_scheme S>
float clamp_code(float code) {
    code = code > static_cast<float>(S::qmin) ? code : static_cast<float>(S::qmin);
    return code < static_cast<float>(S::qmax) ? code : static_cast<float>(S::qmax);
}

/// The stored code of an integer in use.
template <quantization_scheme S>
unsigned stored_code(float code) {
    return static_cast<unsigned>(static_cast<int>(code) + S::storage::bias);
}

/// Calls f with the function x -> (x − origin) / step, the same bits as `quotient`, with what the group shares
/// computed once.
template <quantization_scheme S, class F>
void with_quotient(group_parameters<S> const& p, F&& f) {
    auto const by_scheme = [origin = p.origin, step = p.step](float x) { return quotient<S>(x, origin, step); };
    constexpr bool has_offset = std::same_as<typename S::symmetry, asymmetric_offset>;
    auto const difference = [origin = p.origin](float x) { return has_offset ? x - origin : x; };
    if (has_offset && p.wide) {
        f(by_scheme);
    } else if constexpr (!std::same_as<typename S::division, reciprocal>) {
        f([difference, step = p.step](float x) { return S::division::apply(difference(x), step); });
    } else if (std::isnormal(p.step)) {
        f([difference, factor = 1.0f / p.step](float x) { return multiply(difference(x), factor); });
    } else {
        f(by_scheme);
    }
}

}  // namespace detail

/// The stored code of x:  clamp(round((x − origin) / step) + z, qmin, qmax) + bias;  the code of zero (or of the
/// offset) where the step is 0.
///   random  32 uniform bits where the rounding is random, else nothing
template <quantization_scheme S, std::same_as<std::uint32_t>... Random>
unsigned encode(float x, group_parameters<S> const& p, Random... random) {
    float code = detail::zero_code<S>(p);
    if (p.step != 0.0f) {
        code += S::rounding::round(detail::quotient<S>(x, p.origin, p.step), random...);
    }
    return detail::stored_code<S>(detail::clamp_code<S>(code));
}

/// codes[i] = encode<S>(x[i], p, random[i]) for the values of one group: p is fit_group of a range that has them all.
template <quantization_scheme S, std::same_as<std::uint32_t>... Random>
void encode(std::span<float const> x, group_parameters<S> const& p, std::uint8_t* codes, Random const*... random) {
    if (p.step == 0.0f) {
        std::fill_n(codes, x.size(), static_cast<std::uint8_t>(encode<S>(0.0f, p, Random{}...)));
        return;
    }
    detail::with_quotient<S>(p, [&, zero = detail::zero_code<S>(p)](auto quotient) {
        std::size_t i = 0;
        for (; i + detail::lanes <= x.size(); i += detail::lanes) {
            float v[detail::lanes];
            std::uint8_t some[detail::lanes];
            std::memcpy(v, x.data() + i, sizeof v);
            detail::for_each_lane([&](std::size_t lane) { v[lane] = quotient(v[lane]); });
            detail::for_each_lane(
                [&](std::size_t lane) { v[lane] = S::rounding::round(v[lane], random[i + lane]...) + zero; });
            detail::for_each_lane([&](std::size_t lane) { v[lane] = detail::clamp_code<S>(v[lane]); });
            detail::for_each_lane(
                [&](std::size_t lane) { some[lane] = static_cast<std::uint8_t>(detail::stored_code<S>(v[lane])); });
            std::memcpy(codes + i, some, detail::lanes);
        }
        for (; i < x.size(); ++i) {
            codes[i] = static_cast<std::uint8_t>(encode<S>(x[i], p, random[i]...));
        }
    });
}

}  // namespace nibble
