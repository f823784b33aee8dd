// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/numeric/host_device.hpp>  // NIBBLE_HD
#include <nibble/numeric/stochastic.hpp>   // random_rounding_mode
#include <nibble/scheme/quantized_element.hpp>

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <ratio>

namespace nibble {

/// Which elements a straight-through estimator lets the gradient pass. A mask is an empty struct with
///   passes(e)   whether ∂ŵ/∂w is that of the identity
///   held(e, u)  the position that e has when its real position moves to u and its rounding stays frozen: u where the
///               gradient passes, constant where it does not
///   when to use which: clip_after_rounding by default; clip_inclusive and clip_strict also stop what lies beyond the
///   centre of the outermost level, which is where a scale of absmax_over_half_range puts the extreme; pass_through
///   where nothing is clipped, or clipped weights should find their way back.
template <class M>
concept gradient_mask = requires(quantized_element<float> const& e, float u) {
    { M::passes(e) } -> std::same_as<bool>;
    { M::held(e, u) } -> std::same_as<float>;
    M::name;
};

namespace detail {

template <class T>
NIBBLE_HD constexpr T clip(T x, T low, T high) {
    return x < low ? low : x > high ? high : x;
}

/// "Prefix_Numerator" or "Prefix_Numerator_Denominator".
template <class Prefix, class Ratio>
inline constexpr auto name_with_ratio = [] {
    std::array<char, 64> text{};
    std::size_t at = 0;
    for (char const* c = Prefix::name; *c != '\0'; ++c) {
        text[at++] = *c;
    }
    auto const add = [&](std::intmax_t number) {
        text[at++] = '_';
        std::intmax_t digit = 1;
        while (number / digit >= 10) {
            digit *= 10;
        }
        for (; digit != 0; digit /= 10) {
            text[at++] = static_cast<char>('0' + number / digit % 10);
        }
    };
    add(Ratio::num);
    if (Ratio::den != 1) {
        add(Ratio::den);
    }
    return text;
}();

}  // namespace detail

/// Always.
struct pass_through {
    static constexpr char const* name = "pass";
    template <class T>
    NIBBLE_HD static constexpr bool passes(quantized_element<T> const& /*e*/) {
        return true;
    }
    template <class T>
    NIBBLE_HD static constexpr T held(quantized_element<T> const& /*e*/, T position) {
        return position;
    }
};

/// Qn <= round(u) <= Qp, as torch.fake_quantize: to half a step beyond the outermost levels where rounding is to
/// nearest.
struct clip_after_rounding {
    static constexpr char const* name = "after_rounding";

    template <class S>
    static consteval void require() {
        static_assert(
            !random_rounding_mode<typename S::rounding>,
            "nibble: clip_after_rounding asks which integer rounding gave, which stochastic rounding draws and "
            "a code does not tell; use clip_inclusive");
    }
    template <class T>
    NIBBLE_HD static constexpr bool passes(quantized_element<T> const& e) {
        return !e.clamped;
    }
    template <class T>
    NIBBLE_HD static constexpr T held(quantized_element<T> const& e, T position) {
        return e.clamped ? e.level : position;
    }
};

/// Qn <= u <= Qp.
struct clip_inclusive {
    static constexpr char const* name = "inclusive";
    template <class T>
    NIBBLE_HD static constexpr bool passes(quantized_element<T> const& e) {
        return (e.low <= e.position) & (e.position <= e.high);
    }
    template <class T>
    NIBBLE_HD static constexpr T held(quantized_element<T> const& e, T position) {
        return detail::clip(position, e.low, e.high);
    }
};

/// Qn < u < Qp.
///   source  Esser et al., "Learned Step Size Quantization", ICLR 2020
struct clip_strict {
    static constexpr char const* name = "strict";
    template <class T>
    NIBBLE_HD static constexpr bool passes(quantized_element<T> const& e) {
        return (e.low < e.position) & (e.position < e.high);
    }
    template <class T>
    NIBBLE_HD static constexpr T held(quantized_element<T> const& e, T position) {
        return detail::clip(position, e.low, e.high);
    }
};

/// |w| <= Bound, in units of the values, whatever the scale.
///   source  Liu et al., "LLM-QAT", 2023, with Bound = 2
template <class Bound = std::ratio<2>>
struct within_bound {
    static_assert(Bound::num > 0, "nibble: within_bound<Bound> needs a positive std::ratio");
    struct kind {
        static constexpr char const* name = "within";
    };
    static constexpr char const* name = detail::name_with_ratio<kind, Bound>.data();
    template <class T>
    NIBBLE_HD static constexpr bool passes(quantized_element<T> const& e) {
        constexpr T bound = static_cast<T>(Bound::num) / static_cast<T>(Bound::den);
        return (-bound <= e.value) & (e.value <= bound);
    }
    template <class T>
    NIBBLE_HD static constexpr T held(quantized_element<T> const& e, T position) {
        return passes(e) ? position : e.level;
    }
};

}  // namespace nibble
