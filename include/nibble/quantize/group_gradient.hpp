// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/numeric/float_bits.hpp>
#include <nibble/numeric/fma.hpp>
#include <nibble/numeric/stochastic.hpp>  // random_rounding_mode
#include <nibble/quantize/encode.hpp>
#include <nibble/quantize/group.hpp>
#include <nibble/scheme/code_index.hpp>
#include <nibble/scheme/gradient.hpp>

#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace nibble::detail {

template <class T>
affine_parameters<T> convert(affine_parameters<float> const& p) {
    return {.scale = p.scale, .step = p.step, .zero_point = p.zero_point, .offset = p.offset};
}

/// a · b + c, rounded once.
template <class T>
T fused(T a, T b, T c) {
    if constexpr (std::same_as<T, float>) {
        return nibble::fma(a, b, c);
    } else {
        return std::fma(a, b, c);
    }
}

/// Whether rounding gave an index that is not in use; `code` is what was stored, `quotient` what was rounded.
template <quantization_scheme S>
bool is_clamped(unsigned code, float quotient, float zero_point) {
    if constexpr (random_rounding_mode<typename S::rounding>) {
        return false;
    } else {
        constexpr unsigned lowest = S::grid::code(S::qmin);
        constexpr unsigned highest = S::grid::code(S::qmax);
        float const index = index_of<S>(quotient, zero_point);
        return ((code == lowest) | (code == highest)) &
               ((index < static_cast<float>(S::qmin)) | (index > static_cast<float>(S::qmax)));
    }
}

/// level − u to the precision of T; not finite where w − o, or its distance from the level, is beyond the range of T.
template <class T>
T residual_of(affine_parameters<T> const& p, T value, T level) {
    // w − o = difference + rest exactly, and the product below is not rounded: only the quotient is.
    T const difference = value - p.offset;
    T const back = difference - value;
    T const rest = (value - (difference - back)) - (p.offset + back);
    return (fused(level - p.zero_point, p.step, -difference) - rest) / p.step;
}

/// Value w of a group with these parameters, and the code that it has.
///   position  of T = float as the quantizer computes it, by the scheme's division; else to the precision of T
template <class T, quantization_scheme S>
quantized_element<T> element_of(affine_parameters<float> const& p, float w, unsigned code) {
    T const level = S::grid::level(code);
    quantized_element<T> e{.parameters = convert<T>(p),
                           .value = w,
                           .position = level,
                           .level = level,
                           .residual = 0,
                           .clamped = false,
                           .low = static_cast<T>(S::low),
                           .high = static_cast<T>(S::high)};
    if (p.step == 0.0f) {
        return e;
    }
    float const v = quotient<S>(w, p.offset, p.step);
    e.clamped = is_clamped<S>(code, v, p.zero_point);
    if constexpr (std::same_as<T, float>) {
        e.position = v + p.zero_point;
    } else {
        e.position = e.parameters.position(e.value);
    }
    T const residual = residual_of<T>(e.parameters, e.value, level);
    e.residual = std::isfinite(residual) ? residual : level - e.position;
    return e;
}

/// The same for `lanes` elements at once, which f(lane, element) gets. Each loop does one thing that needs no branch.
template <quantization_scheme S, class F>
void for_each_element(affine_parameters<float> const& p, float const (&w)[lanes], std::uint8_t const (&code)[lanes],
                      auto const& quotient, F const& f) {
    float v[lanes], level[lanes], residual[lanes], rounded[lanes];
    std::int32_t clamped[lanes];
    for_each_lane([&](std::size_t lane) { v[lane] = quotient(w[lane]); });
    for_each_lane([&](std::size_t lane) { level[lane] = S::grid::level(code[lane]); });
    for_each_lane([&](std::size_t lane) { clamped[lane] = is_clamped<S>(code[lane], v[lane], p.zero_point) ? 1 : 0; });
    for_each_lane([&](std::size_t lane) { v[lane] += p.zero_point; });
    for_each_lane([&](std::size_t lane) { rounded[lane] = level[lane] - v[lane]; });
    for_each_lane([&](std::size_t lane) { residual[lane] = residual_of<float>(p, w[lane], level[lane]); });
    for_each_lane(
        [&](std::size_t lane) { residual[lane] = std::isfinite(residual[lane]) ? residual[lane] : rounded[lane]; });
    for_each_lane([&](std::size_t lane) {
        f(lane, quantized_element<float>{.parameters = p,
                                         .value = w[lane],
                                         .position = v[lane],
                                         .level = level[lane],
                                         .residual = residual[lane],
                                         .clamped = clamped[lane] != 0,
                                         .low = S::low,
                                         .high = S::high});
    });
}

/// Which sums of ∂ŵ over the elements of a group a policy needs.
template <class G>
inline constexpr bool sums_scale = G::learns_scale || G::follows_extreme;
template <class G>
inline constexpr bool has_sums = sums_scale<G> || G::learns_step || G::learns_zero;

struct parameter_sums {
    double scale = 0;
    double step = 0;
    double zero = 0;
};

/// x[0] + x[8] and so on, then of these 8 x[0] + x[4], down to one.
inline double sum_of(double (&x)[lanes]) {
    fold_lanes([&](std::size_t lane, std::size_t other) { x[lane] += x[other]; });
    return x[0];
}

/// dw of the elements of one group in a row, and the sums of their terms: those of every 16th, then of the 16.
template <quantization_scheme S, class G>
parameter_sums group_gradient(affine_parameters<float> p, std::span<float const> w, std::uint8_t const* codes,
                              float const* dvalue, float* dw) {
    p.zero_point = S::storage::has_zero_point ? p.zero_point : 0.0f;  // for the compiler to see
    p.offset = S::storage::has_offset ? p.offset : 0.0f;
    double scale[lanes] = {};
    double step[lanes] = {};
    double zero[lanes] = {};
    auto const take = [&](std::size_t first, std::size_t count, auto const& elements) {
        float value[lanes] = {};
        float outer[lanes] = {};
        std::uint8_t code[lanes] = {};
        std::memcpy(value, w.data() + first, count * sizeof(float));
        std::memcpy(outer, dvalue + first, count * sizeof(float));
        std::memcpy(code, codes + first, count);
        float input[lanes], of_scale[lanes], of_step[lanes], of_zero[lanes];
        elements(value, code, [&](std::size_t lane, quantized_element<float> const& e) {
            partial_derivatives<float> const d = G::derivative(e);
            input[lane] = outer[lane] * d.input;
            of_scale[lane] = d.scale;
            of_step[lane] = d.step;
            of_zero[lane] = S::storage::has_zero_point ? d.zero_point : d.offset;
        });
        std::memcpy(dw + first, input, count * sizeof(float));
        auto const add = [&](double(&to)[lanes], float const(&term)[lanes]) {
            for (std::size_t lane = 0; lane < count; ++lane) {
                to[lane] += static_cast<double>(outer[lane]) * static_cast<double>(term[lane]);
            }
        };
        if constexpr (sums_scale<G>) {
            add(scale, of_scale);
        }
        if constexpr (G::learns_step) {
            add(step, of_step);
        }
        if constexpr (G::learns_zero) {
            add(zero, of_zero);
        }
    };
    auto const take_all = [&](auto const& elements) {
        std::size_t k = 0;
        for (; k + lanes <= w.size(); k += lanes) {
            take(k, lanes, elements);
        }
        if (k < w.size()) {
            take(k, w.size() - k, elements);
        }
    };
    // A zero step has elements of its own; by_factor stores what it divides by, which with_quotient does not know.
    if (multiplies<S> || p.step == 0.0f) {
        take_all([&](auto const& value, auto const& code, auto const& f) {
            for (std::size_t lane = 0; lane < lanes; ++lane) {
                f(lane, element_of<float, S>(p, value[lane], code[lane]));
            }
        });
    } else {
        group_parameters<S> const divided{.step = p.step, .origin = p.offset, .wide = S::storage::has_offset};
        with_quotient<S>(divided, [&](auto quotient) {
            take_all([&](auto const& value, auto const& code, auto const& f) {
                for_each_element<S>(p, value, code, quotient, f);
            });
        });
    }
    parameter_sums sums;
    if constexpr (has_sums<G>) {
        sums = {.scale = sum_of(scale), .step = sum_of(step), .zero = sum_of(zero)};
    }
    return sums;
}

}  // namespace nibble::detail
