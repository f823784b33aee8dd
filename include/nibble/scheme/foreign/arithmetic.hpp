// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/numeric/multiply.hpp>
#include <nibble/scheme/scale.hpp>
#include <nibble/scheme/scale_type.hpp>

#include <array>
#include <cstddef>
#include <string_view>

namespace nibble {

namespace detail {

/// x rounded to T.
template <class T>
NIBBLE_HD constexpr float rounded(float x) {
    return static_cast<float>(T(x));
}

/// "word_type", as in reciprocal_bf16.
template <class T>
constexpr auto word_in(std::string_view word) {
    std::array<char, 40> text{};
    std::size_t length = 0;
    for (std::string_view const part : {word, std::string_view("_"), scale_type_name<T>}) {
        for (char const c : part) {
            text[length++] = c;
        }
    }
    return text;
}

}  // namespace detail

/// Arithmetic in T, the type of a tensor, as frameworks do it: every operation computes in f32 and is rounded to T.

/// v = R(R(x) / s), R(x) being x itself where nothing was subtracted from it.
template <class T>
struct divide_in {
    using axis = axis::division;
    static constexpr auto text = detail::word_in<T>("divide");
    static constexpr std::string_view name = text.data();
    NIBBLE_HD static constexpr float apply(float x, float s) { return detail::rounded<T>(detail::rounded<T>(x) / s); }
};

/// v = R(R(x) · R(1 / s));  R(R(x) / s) where 1 / s would be infinite, which no scale of these systems is.
template <class T>
struct reciprocal_in {
    using axis = axis::division;
    static constexpr auto text = detail::word_in<T>("reciprocal");
    static constexpr std::string_view name = text.data();
    NIBBLE_HD static constexpr float apply(float x, float s) {
        bool const tiny = s > -0x1p-126f && s < 0x1p-126f;
        float const product =
            tiny ? detail::rounded<T>(x) / s : multiply(detail::rounded<T>(x), detail::rounded<T>(1.0f / s));
        return detail::rounded<T>(product);
    }
};

/// v = x · f, f being a factor that the scale rule gives beside the scale.
struct by_factor {
    using axis = axis::division;
    static constexpr char const* name = "factor";
    static constexpr bool multiplies = true;
    NIBBLE_HD static constexpr float apply(float x, float s) { return x / s; }
};

/// s = R(max|x| / ((qmax − qmin) / 2)).
template <class T>
struct absmax_over_half_range_in {
    using axis = axis::scale_rule;
    static constexpr auto text = detail::word_in<T>("absmax_half_range");
    static constexpr std::string_view name = text.data();
    static constexpr bool sees_magnitude_alone = true;
    NIBBLE_HD static constexpr float scale(group_range r, float low, float high) {
        return detail::rounded<T>(absmax_over_half_range::scale(r, low, high));
    }
};

/// s = max(s, 2^-14), the smallest normal f16.
struct at_least_smallest_normal_f16 {
    using axis = axis::zero_group;
    static constexpr char const* name = "min_normal_f16";
    NIBBLE_HD static constexpr float at_least(float s) { return s > 0x1p-14f ? s : 0x1p-14f; }
};

/// s = max(s, 2^-6), the smallest normal e4m3.
struct at_least_smallest_normal_e4m3 {
    using axis = axis::zero_group;
    static constexpr char const* name = "min_normal_e4m3";
    NIBBLE_HD static constexpr float at_least(float s) { return s > 0x1p-6f ? s : 0x1p-6f; }
};

}  // namespace nibble
