// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/numeric/host_device.hpp>  // NIBBLE_HD
#include <nibble/numeric/rsqrt.hpp>
#include <nibble/scheme/axis.hpp>
#include <nibble/scheme/gradient_mask.hpp>
#include <nibble/scheme/quantized_element.hpp>
#include <nibble/scheme/scale.hpp>

#include <array>
#include <concepts>
#include <cstddef>

namespace nibble {

/// What a gradient policy is unless it says otherwise; policies derive from it.
struct gradient_defaults {
    using axis = axis::gradient;
    static constexpr bool learns_scale = false;
    static constexpr bool learns_step = false;
    static constexpr bool learns_zero = false;      ///< the zero point or the offset
    static constexpr bool follows_extreme = false;  ///< the scale is a function of the group's extreme value

    /// Refuses schemes that the policy is not for, in a static_assert.
    template <class S>
    static consteval void require() {}

    /// What the gradient of a parameter is multiplied by that `count` elements share.
    NIBBLE_HD static constexpr float factor(std::size_t /*count*/, float /*high*/) { return 1.0f; }

    /// The move of the scale's parameter that moves a value by about a step.
    template <class T>
    NIBBLE_HD static constexpr T scale_unit(quantized_element<T> const& e) {
        return e.parameters.scale < 0 ? -e.parameters.scale : e.parameters.scale;
    }
};

/// How the gradient of a loss passes a quantizer, which is flat almost everywhere. A policy is two functions of one
/// element, for T = float, double and long double:
///   surrogate(e, move)  the differentiable function that stands in for the quantizer: the value that e would have if
///                       its input and parameters moved by `move`, its rounding being frozen. Without a move it is ŵ
///   derivative(e)       the derivative of that function at move = 0
/// check_gradient compares the two.
template <class G>
concept gradient_policy = std::derived_from<G, gradient_defaults> &&
                          requires(quantized_element<float> const& e, partial_derivatives<float> m) {
                              { G::derivative(e) } -> std::same_as<partial_derivatives<float>>;
                              { G::surrogate(e, m) } -> std::same_as<float>;
                              G::name;
                          };

/// The gradient of a step is what its elements say, undiminished.
struct unnormalised {
    static constexpr char const* name = "plain";
    NIBBLE_HD static constexpr float factor(std::size_t /*count*/, float /*high*/) { return 1.0f; }
};

/// γ = 1 / √(n · Qp), n being the elements that share the step: updates of a step and of its weights are then of like
/// relative size.
///   error   under 1 ulp of f32 where n · Qp < 2^24
///   source  Esser et al., "Learned Step Size Quantization", ICLR 2020, 2.2
struct normalised_per_step {
    static constexpr char const* name = "per_step";
    NIBBLE_HD static constexpr float factor(std::size_t count, float high) {
        return rsqrt(static_cast<float>(count) * high);
    }
};

namespace detail {

/// "First_Second_…": the names of policies in one word.
template <class... Named>
inline constexpr auto joined_names = [] {
    constexpr auto size = [](char const* text) {
        std::size_t n = 0;
        while (text[n] != '\0') {
            ++n;
        }
        return n;
    };
    std::array<char, (0 + ... + (size(Named::name) + 1))> all{};
    std::size_t at = 0;
    auto const add = [&](char const* text) {
        for (; *text != '\0'; ++text) {
            all[at++] = *text;
        }
        all[at++] = '_';
    };
    (add(Named::name), ...);
    all[at - 1] = '\0';
    return all;
}();

/// ŵ after a move of the input and the parameters, with r = level − held(u) frozen:  s · (held(u) + r − z) + o.
template <class Mask, class T>
NIBBLE_HD constexpr T frozen_value(quantized_element<T> const& e, affine_parameters<T> const& moved, T input) {
    T const residual = e.level - Mask::held(e, e.parameters.position(e.value));
    return moved.value(Mask::held(e, moved.position(input)) + residual);
}

template <class Mask, class S>
consteval void require_of_mask() {
    if constexpr (requires { Mask::template require<S>(); }) {
        Mask::template require<S>();
    }
}

/// A gradient that a mask lets pass, and that a normaliser weighs where elements share a step.
template <class Mask, class Normaliser>
struct masked_gradient : gradient_defaults {
    template <class S>
    static consteval void require() {
        require_of_mask<Mask, S>();
    }
    NIBBLE_HD static constexpr float factor(std::size_t count, float high) { return Normaliser::factor(count, high); }
};

}  // namespace detail

/// ∂ŵ/∂w = [mask]; no parameter is learned.
template <gradient_mask Mask = clip_after_rounding>
struct straight_through : gradient_defaults {
    struct kind {
        static constexpr char const* name = "ste";
    };
    static constexpr char const* name = detail::joined_names<kind, Mask>.data();

    template <class S>
    static consteval void require() {
        detail::require_of_mask<Mask, S>();
    }
    template <class T>
    NIBBLE_HD static constexpr partial_derivatives<T> derivative(quantized_element<T> const& e) {
        return {.input = Mask::passes(e) ? T{1} : T{0}};
    }
    template <class T>
    NIBBLE_HD static constexpr T surrogate(quantized_element<T> const& e, partial_derivatives<T> const& move) {
        return detail::frozen_value<Mask>(e, e.parameters, e.value + move.input);
    }
};

/// The step is learned (LSQ).
///   ∂ŵ/∂s = level − u where the mask passes, else level − z;  times γ of the normaliser, summed over the group
///   source  Esser et al., "Learned Step Size Quantization", ICLR 2020
template <gradient_mask Mask = clip_strict, class Normaliser = normalised_per_step>
struct learned_step : detail::masked_gradient<Mask, Normaliser> {
    struct kind {
        static constexpr char const* name = "lsq";
    };
    static constexpr char const* name = detail::joined_names<kind, Mask, Normaliser>.data();
    static constexpr bool learns_scale = true;

    template <class T>
    NIBBLE_HD static constexpr partial_derivatives<T> derivative(quantized_element<T> const& e) {
        bool const passes = Mask::passes(e);
        T const clipped = e.level - e.parameters.zero_point;
        return {.input = passes ? T{1} : T{0}, .scale = passes ? e.residual : clipped};
    }
    template <class T>
    NIBBLE_HD static constexpr T surrogate(quantized_element<T> const& e, partial_derivatives<T> const& move) {
        auto moved = e.parameters;
        moved.scale += move.scale;
        moved.step += move.scale;
        return detail::frozen_value<Mask>(e, moved, e.value + move.input);
    }
};

/// The step and the zero are learned (LSQ+): the offset, or the zero point, which reaches the codes rounded and is
/// differentiated as if it did not.
///   where the mask passes, ∂ŵ/∂z = ∂ŵ/∂o = 0; else ∂ŵ/∂z = −s, ∂ŵ/∂o = 1;  w and s as learned_step
///   source  Bhalgat et al., "LSQ+: Improving low-bit quantization through learnable offsets and better
///           initialization", 2020
template <gradient_mask Mask = clip_strict, class Normaliser = normalised_per_step>
struct learned_step_and_offset : detail::masked_gradient<Mask, Normaliser> {
    struct kind {
        static constexpr char const* name = "lsq_plus";
    };
    static constexpr char const* name = detail::joined_names<kind, Mask, Normaliser>.data();
    static constexpr bool learns_scale = true;
    static constexpr bool learns_zero = true;

    template <class S>
    static consteval void require() {
        static_assert(
            !S::is_symmetric,
            "nibble: learned_step_and_offset learns a zero, and a symmetric scheme has none; use learned_step");
        detail::require_of_mask<Mask, S>();
    }
    template <class T>
    NIBBLE_HD static constexpr partial_derivatives<T> derivative(quantized_element<T> const& e) {
        auto d = learned_step<Mask, Normaliser>::derivative(e);
        bool const passes = Mask::passes(e);
        d.zero_point = passes ? T{0} : -e.parameters.scale;
        d.offset = passes ? T{0} : T{1};
        return d;
    }
    template <class T>
    NIBBLE_HD static constexpr T surrogate(quantized_element<T> const& e, partial_derivatives<T> const& move) {
        auto moved = e.parameters;
        moved.scale += move.scale;
        moved.step += move.scale;
        moved.zero_point += move.zero_point;
        moved.offset += move.offset;
        return detail::frozen_value<Mask>(e, moved, e.value + move.input);
    }
};

/// Activations that are never negative are clipped at a learned α, the value of the highest code:
///   y = clip(x, 0, α), quantized;  ∂ŷ/∂x = [0 <= x < α],  ∂ŷ/∂α = [x >= α]
/// The rounding is frozen in units of the values, so α gets no gradient from within. Its scale is α / Qp.
///   source  Choi et al., "PACT: Parameterized Clipping Activation for Quantized Neural Networks", 2018
struct pact : gradient_defaults {
    static constexpr char const* name = "pact";
    static constexpr bool learns_scale = true;

    template <class S>
    static consteval void require() {
        static_assert(!S::storage::symmetry::is_signed,
                      "nibble: pact clips activations to [0, α] and needs unsigned codes; use asymmetric");
    }
    template <class T>
    NIBBLE_HD static constexpr T scale_unit(quantized_element<T> const& e) {
        return gradient_defaults::scale_unit(e) * e.high;
    }
    template <class T>
    NIBBLE_HD static constexpr partial_derivatives<T> derivative(quantized_element<T> const& e) {
        bool const above = e.position >= e.high;
        return {.input = e.low <= e.position && !above ? T{1} : T{0}, .scale = above ? T{1} : T{0}};
    }
    template <class T>
    NIBBLE_HD static constexpr T surrogate(quantized_element<T> const& e, partial_derivatives<T> const& move) {
        T const lowest = e.parameters.value(e.low);
        T const highest = e.parameters.value(e.high);
        T const residual = e.parameters.value(e.level) - detail::clip(e.value, lowest, highest);
        return detail::clip(e.value + move.input, lowest, highest + move.scale) + residual;
    }
};

/// One scale divides and another decodes, ŵ = s_post · (level − z): both are learned, and kernels see s_post alone,
/// which is differentiated exactly.
///   ∂ŵ/∂s_post = level − z,  ∂ŵ/∂s_pre = −(s_post / s_pre) · (u − z) · [mask],  ∂ŵ/∂w = (s_post / s_pre) · [mask]
/// Where both scales are equal, the two add up to learned_step's.
template <gradient_mask Mask = clip_strict, class Normaliser = unnormalised>
struct dual_scale : detail::masked_gradient<Mask, Normaliser> {
    struct kind {
        static constexpr char const* name = "dual";
    };
    static constexpr char const* name = detail::joined_names<kind, Mask, Normaliser>.data();
    static constexpr bool learns_scale = true;
    static constexpr bool learns_step = true;

    template <class T>
    NIBBLE_HD static constexpr partial_derivatives<T> derivative(quantized_element<T> const& e) {
        T const level = e.level - e.parameters.zero_point;
        if (!Mask::passes(e)) {
            return {.scale = level};
        }
        T const ratio = e.parameters.step == T{0} ? T{1} : e.parameters.scale / e.parameters.step;
        return {.input = ratio, .scale = level, .step = -ratio * (level - e.residual)};
    }
    template <class T>
    NIBBLE_HD static constexpr T surrogate(quantized_element<T> const& e, partial_derivatives<T> const& move) {
        auto moved = e.parameters;
        moved.scale += move.scale;
        moved.step += move.step;
        return detail::frozen_value<Mask>(e, moved, e.value + move.input);
    }
};

/// learned_step in the parameter t = log2 s, which keeps s positive:  ∂ŵ/∂t = ln 2 · s · ∂ŵ/∂s.  A scale that is
/// rounded, to a power of two for example, is differentiated as if it were not.
///   source  Jain et al., "Trained Quantization Thresholds", MLSys 2020
template <gradient_mask Mask = clip_strict, class Normaliser = unnormalised>
struct log2_step : detail::masked_gradient<Mask, Normaliser> {
    struct kind {
        static constexpr char const* name = "log2";
    };
    static constexpr char const* name = detail::joined_names<kind, Mask, Normaliser>.data();
    static constexpr bool learns_scale = true;
    static constexpr long double ln2 = 0.693147180559945309417232121458176568L;

    template <class T>
    NIBBLE_HD static constexpr T scale_unit(quantized_element<T> const& /*e*/) {
        return T{1};
    }
    template <class T>
    NIBBLE_HD static constexpr partial_derivatives<T> derivative(quantized_element<T> const& e) {
        auto d = learned_step<Mask, Normaliser>::derivative(e);
        d.scale *= static_cast<T>(ln2) * e.parameters.scale;
        return d;
    }
    template <class T>
    NIBBLE_HD static constexpr T surrogate(quantized_element<T> const& e, partial_derivatives<T> const& move) {
        T growth = 1;  // 2^move, by its power series
        T term = 1;
        for (int k = 1; k <= 24; ++k) {
            term *= move.scale * static_cast<T>(ln2) / static_cast<T>(k);
            growth += term;
        }
        auto moved = e.parameters;
        moved.scale *= growth;
        moved.step *= growth;
        return detail::frozen_value<Mask>(e, moved, e.value + move.input);
    }
};

/// The scale of a group as a function of its extreme value alone, of degree one: s(a · x) = a · s(x) for a > 0. Without
/// the rounding to f32 of the rules that they are.
template <class Rule>
struct scale_of_extreme;

template <>
struct scale_of_extreme<absmax_over_qmax> {
    template <class T>
    NIBBLE_HD static constexpr T scale(T extreme, T /*low*/, T high) {
        return (extreme < 0 ? -extreme : extreme) / high;
    }
};

template <>
struct scale_of_extreme<absmax_over_half_range> {
    template <class T>
    NIBBLE_HD static constexpr T scale(T extreme, T low, T high) {
        return (extreme < 0 ? -extreme : extreme) / ((high - low) / 2);
    }
};

template <>
struct scale_of_extreme<signed_extreme> {
    template <class T>
    NIBBLE_HD static constexpr T scale(T extreme, T low, T /*high*/) {
        return extreme / low;
    }
};

/// straight_through, and through the scale to the value w_j that it was derived from, j being the first of the largest
/// magnitude:  ∂w_j += ds/dw_j · ∂L/∂s,  that is sgn(w_j) / Qp · ∂L/∂s under absmax_over_qmax.
template <gradient_mask Mask = clip_after_rounding>
struct dynamic_scale : gradient_defaults {
    struct kind {
        static constexpr char const* name = "dynamic";
    };
    static constexpr char const* name = detail::joined_names<kind, Mask>.data();
    static constexpr bool follows_extreme = true;

    template <class S>
    static consteval void require() {
        static_assert(
            requires { sizeof(scale_of_extreme<typename S::scale_rule>); },
            "nibble: dynamic_scale needs a scale that follows the extreme value alone; use absmax_over_qmax, "
            "absmax_over_half_range or signed_extreme, or straight_through");
        detail::require_of_mask<Mask, S>();
    }
    template <class T>
    NIBBLE_HD static constexpr partial_derivatives<T> derivative(quantized_element<T> const& e) {
        return learned_step<Mask>::derivative(e);
    }
    template <class T>
    NIBBLE_HD static constexpr T surrogate(quantized_element<T> const& e, partial_derivatives<T> const& move) {
        return learned_step<Mask>::surrogate(e, move);
    }
};

}  // namespace nibble
