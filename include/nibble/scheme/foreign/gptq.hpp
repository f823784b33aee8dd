// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/numeric/rounding.hpp>
#include <nibble/scheme/compose.hpp>
#include <nibble/scheme/parameter_rule.hpp>

#include <cstddef>
#include <cstdint>

namespace nibble {

// The grids of AutoGPTQ and GPTQModel, in f32. Their symmetric codes are unsigned, as stored here.
// source: auto_gptq 0.7.1, quantization/quantizer.py; gptqmodel 7.7.0 gives the same

/// s = 2 max|x| / (qmax − qmin), but max x / (qmax − qmin), half of it, where no value is negative: everything above
/// about half of the greatest value is clipped then. An all-zero group counts as −1 … 1.
struct absmax_of_gptq {
    using axis = axis::scale_rule;
    static constexpr char const* name = "absmax_gptq";
    NIBBLE_HD static constexpr float scale(group_range r, float low, float high) {
        float const size = r.extreme < 0 ? -r.extreme : r.extreme;
        float const span = size == 0.0f ? 2.0f : r.min < 0 ? size - -size : size;
        return span / (high - low);
    }
};

/// s = (max − min) / qmax,  z = round(−min / s); an all-zero group counts as −1 … 1.
struct min_max_of_gptq {
    using axis = axis::scale_rule;
    static constexpr char const* name = "min_max_gptq";
    static constexpr bool serves_symmetric = false;
    static constexpr bool serves_asymmetric = true;

    template <class S>
    static constexpr stored_fit<S> parameters(group_range r) {
        if (r.min == 0.0f && r.max == 0.0f) {
            r = {-1.0f, 1.0f, 1.0f};
        }
        float const s = (r.max - r.min) / S::high;
        float const z = s == 0.0f ? 0.0f : round_to_nearest_even::round(-r.min / s);
        return {s, static_cast<std::uint8_t>(z < S::high ? z : S::high), s, 0.0f};  // s may be subnormal
    }
};

template <int B, std::size_t Group>
using gptq_symmetric =
    scheme<bits<B>, per_group<Group>, scale_as<float>, absmax_of_gptq, codes_from_unrounded, zero_as_computed>;
template <int B, std::size_t Group>
using gptq_asymmetric = scheme<bits<B>, asymmetric, per_group<Group>, scale_as<float>, min_max_of_gptq>;
using gptq_sym = gptq_symmetric<4, 128>;

}  // namespace nibble
