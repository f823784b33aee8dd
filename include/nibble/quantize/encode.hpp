// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/numeric/float_bits.hpp>
#include <nibble/numeric/multiply.hpp>
#include <nibble/quantize/group.hpp>
#include <nibble/scheme/code_index.hpp>

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>

namespace nibble {

namespace detail {

/// Whether values are multiplied with the step instead of divided by it.
template <quantization_scheme S>
inline constexpr bool multiplies = requires { requires S::division::multiplies; };

/// What is added to the index of a quotient: the code of real zero, or the lowest where the origin is its value.
template <quantization_scheme S>
constexpr float zero_code(group_parameters<S> const& p) {
    if constexpr (S::storage::has_zero_point) {
        return static_cast<float>(p.zero);
    } else if constexpr (requires { requires S::scale_rule::counts_from_lowest; }) {
        return static_cast<float>(S::qmin);
    } else {
        return 0.0f;
    }
}

/// Calls f with the function x -> (x − origin) / step, the same bits as `quotient`, with what the group shares
/// computed once.
template <quantization_scheme S, class F>
void with_quotient(group_parameters<S> const& p, F&& f) {
    auto const by_scheme = [origin = p.origin, step = p.step](float x) { return quotient<S>(x, origin, step); };
    constexpr bool has_offset = S::storage::has_offset;
    auto const difference = [origin = p.origin](float x) { return has_offset ? x - origin : x; };
    if (has_offset && p.wide) {
        f(by_scheme);
    } else if constexpr (multiplies<S>) {
        f([factor = p.step](float x) { return multiply(x, factor); });
    } else if constexpr (!std::same_as<typename S::division, reciprocal>) {
        f([difference, step = p.step](float x) { return S::division::apply(difference(x), step); });
    } else if (std::isnormal(p.step)) {
        f([difference, factor = 1.0f / p.step](float x) { return multiply(difference(x), factor); });
    } else {
        f(by_scheme);
    }
}

}  // namespace detail

/// The stored code of x:  code(clamp(round(position((x − origin) / step)) + z, qmin, qmax));  the code of zero (or of
/// the offset) where the step is 0.
///   random  32 uniform bits where the rounding is random, else nothing
template <quantization_scheme S, std::same_as<std::uint32_t>... Random>
constexpr unsigned encode(float x, group_parameters<S> const& p, Random... random) {
    float const zero = detail::zero_code<S>(p);
    float index = zero;
    if (p.step != 0.0f) {
        float const v = detail::multiplies<S> ? multiply(x, p.step) : detail::quotient<S>(x, p.origin, p.step);
        index = detail::index_of<S>(v, zero, random...);
    }
    return S::grid::code(static_cast<int>(detail::clamp_index<S>(index)));
}

namespace detail {

/// to[i] = take(the index in use of the code of x[i]), for the values of one group.
template <quantization_scheme S, class To, class Take, std::same_as<std::uint32_t>... Random>
void take_indices(std::span<float const> x, group_parameters<S> const& p, To* to, Take const& take,
                  Random const*... random) {
    if (p.step == 0.0f) {
        std::fill_n(to, x.size(), take(clamp_index<S>(zero_code<S>(p))));
        return;
    }
    with_quotient<S>(p, [&, zero = zero_code<S>(p)](auto quotient) {
        std::size_t i = 0;
        for (; i + lanes <= x.size(); i += lanes) {
            float v[lanes];
            To some[lanes];
            std::memcpy(v, x.data() + i, sizeof v);
            for_each_lane([&](std::size_t lane) { v[lane] = quotient(v[lane]); });
            for_each_lane([&](std::size_t lane) { v[lane] = index_of<S>(v[lane], zero, random[i + lane]...); });
            for_each_lane([&](std::size_t lane) { v[lane] = clamp_index<S>(v[lane]); });
            for_each_lane([&](std::size_t lane) { some[lane] = take(v[lane]); });
            std::memcpy(to + i, some, sizeof some);
        }
        for (; i < x.size(); ++i) {
            to[i] = take(clamp_index<S>(index_of<S>(quotient(x[i]), zero, random[i]...)));
        }
    });
}

}  // namespace detail

/// codes[i] = encode<S>(x[i], p, random[i]) for the values of one group: p is fit_group of a range that has them all.
template <quantization_scheme S, std::same_as<std::uint32_t>... Random>
void encode(std::span<float const> x, group_parameters<S> const& p, std::uint8_t* codes, Random const*... random) {
    auto const code = [](float index) { return static_cast<std::uint8_t>(S::grid::code(static_cast<int>(index))); };
    detail::take_indices<S>(x, p, codes, code, random...);
}

/// values[i] = what the code of x[i] stands for.
template <quantization_scheme S, std::same_as<std::uint32_t>... Random>
void fake_encode(std::span<float const> x, group_parameters<S> const& p, float* values, Random const*... random) {
    auto const value = [scale = p.scale, zero = p.zero](float index) {
        return storage_of<S>::decode(S::grid::code(static_cast<int>(index)), scale, zero);
    };
    detail::take_indices<S>(x, p, values, value, random...);
}

}  // namespace nibble
