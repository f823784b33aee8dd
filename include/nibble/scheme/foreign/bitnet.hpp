// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/scheme/compose.hpp>
#include <nibble/scheme/foreign/arithmetic.hpp>
#include <nibble/scheme/parameter_rule.hpp>
#include <nibble/scheme/rules/mean_times.hpp>

namespace nibble {

// BitNet b1.58 as transformers computes it, in f32 whatever the tensor is. It stores f, what values are multiplied
// with, and decodes q / f; here s = 1 / f is stored, of weights exactly the mean magnitude.
// source: transformers 5.23.0, integrations/bitnet.py

/// s = max(s, 10^-5).
struct at_least_hundred_thousandth {
    using axis = axis::zero_group;
    static constexpr char const* name = "min_1e-5";
    NIBBLE_HD static constexpr float at_least(float s) { return s > 1e-5f ? s : 1e-5f; }
};

/// f = (1 / at_least(max|x|)) · qmax, two roundings;  s = 1 / f.
struct absmax_as_factor {
    using axis = axis::scale_rule;
    static constexpr char const* name = "absmax_factor";
    static constexpr bool gives_factor = true;

    template <class S>
    static constexpr stored_fit<S> parameters(group_range r) {
        float const size = S::zero_group::at_least(r.extreme < 0 ? -r.extreme : r.extreme);
        float const f = multiply(1.0f / size, S::high);
        return {1.0f / f, {}, f, 0.0f};
    }
};

/// Weights, one scale a matrix. The mean is computed in f64: the package's last bits are those of its order of adding.
using bitnet_b158 = scheme<ternary, per_tensor, scale_as<float>, mean_times<1>, at_least_hundred_thousandth,
                           codes_from_unrounded, reciprocal>;
/// Activations.
using bitnet_b158_tokens =
    scheme<bits<8>, per_token, scale_as<float>, absmax_as_factor, at_least_hundred_thousandth, by_factor>;

}  // namespace nibble
