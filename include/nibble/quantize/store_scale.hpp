// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/numeric/error.hpp>
#include <nibble/numeric/float_bits.hpp>
#include <nibble/scheme/scale_type.hpp>

#include <cmath>
#include <concepts>
#include <limits>
#include <string>

namespace nibble {

namespace detail {

template <class T>
inline constexpr float smallest_normal = 0x1p-126f;
template <>
inline constexpr float smallest_normal<f16> = 0x1p-14f;
template <>
inline constexpr float smallest_normal<e4m3> = 0x1p-6f;

/// The value of `T` nearest to x, or where x lies among T's subnormals the next one away from zero, so that the
/// largest code still reaches the extreme.
template <class T>
constexpr T store_scale(float x) {
    if constexpr (std::same_as<T, e8m0>) {
        return T(x);  // the rules that e8m0 goes with choose a value that it has
    } else if constexpr (std::same_as<T, float>) {
        return std::fabs(x) < (std::numeric_limits<float>::min)() ? float_of(bits_of(x) + 1u) : x;
    } else {
        T const stored(x);
        bool const short_of_x = std::fabs(static_cast<float>(stored)) <= std::fabs(x);
        if (std::fabs(x) < smallest_normal<T> && short_of_x) {
            bool const exact = static_cast<float>(stored) == x && std::fabs(x) >= (std::numeric_limits<float>::min)();
            return exact ? stored : T::from_bits(static_cast<decltype(stored.bits)>(stored.bits + 1u));
        }
        return stored;
    }
}

/// The largest value of `T` that is not above x.
template <class T>
constexpr T store_below(float x) {
    T stored(x);
    if constexpr (!std::same_as<T, float>) {
        using word = decltype(stored.bits);
        if (static_cast<float>(stored) > x) {
            bool const negative = bits_of(static_cast<float>(stored)) >> 31 != 0u;
            bool const zero = static_cast<float>(stored) == 0.0f;
            constexpr auto least_negative = static_cast<word>((1u << (8 * sizeof(word) - 1)) | 1u);
            stored = zero ? T::from_bits(least_negative)
                          : T::from_bits(static_cast<word>(negative ? stored.bits + 1u : stored.bits - 1u));
        }
    }
    return stored;
}

/// Whether T has no finite value near x.
template <class T>
constexpr bool beyond_range(float x) {
    if constexpr (std::same_as<T, e4m3>) {
        return !(std::fabs(x) <= T::largest);  // beyond, its conversion saturates
    } else {
        return !std::isfinite(static_cast<float>(T(x)));
    }
}

template <class T>
[[noreturn]] void refuse_range(char const* what, float value) {
    throw error("The " + std::string(what) + " " + std::to_string(value) + " of a group is beyond the range of " +
                std::string(scale_type_name<T>) + ", or its codes beyond that of f32; use a wider type, " +
                "scale_as<bf16> or scale_as<float>, or scale the tensor down.");
}

/// The value of T nearest to an offset.
template <class T>
constexpr T store_offset(float x) {
    if (beyond_range<T>(x)) {
        refuse_range<T>("offset", x);
    }
    return T(x);
}

}  // namespace detail

}  // namespace nibble
