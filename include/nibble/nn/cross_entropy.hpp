// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/nn/cpu/kernels.hpp>
#include <nibble/nn/cpu/layer_kernels.hpp>
#include <nibble/numeric/error.hpp>
#include <nibble/numeric/isa.hpp>

#include <cmath>
#include <cstddef>
#include <span>
#include <string>

namespace nibble {

/// −ln softmax(logits)[target] = ln Σ exp(l − max) + max − l_target, in nats.
///   error   2^-24 (2.1 + ln n), n logits: exponentials in float, within 1.02 ulp, of arguments a_i = l_i − max rounded
///           once, so Σ p_i |a_i| counts, which is at most ln n; their sum is in double
///   edges   −infinity is a probability of 0; NaN anywhere, or +infinity, gives NaN
/// Throws nibble::error if target is not the index of a logit.
inline double cross_entropy(std::span<float const> logits, std::size_t target, isa set = best_isa()) {
    if (target >= logits.size()) {
        throw error("cross_entropy got target " + std::to_string(target) + " and " + std::to_string(logits.size()) +
                    " logits; the target is the index of a logit");
    }
    detail::layer_kernels const& kernels = detail::layers(set, "cross_entropy");
    float const largest = kernels.largest(logits.data(), logits.size());
    double const sum = kernels.sum_of_exp(logits.data(), logits.size(), largest);
    return std::log(sum) + (static_cast<double>(largest) - static_cast<double>(logits[target]));
}

}  // namespace nibble
