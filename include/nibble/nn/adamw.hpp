// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/nn/cpu/adamw_kernels.hpp>
#include <nibble/numeric/bf16.hpp>
#include <nibble/numeric/error.hpp>
#include <nibble/numeric/isa.hpp>
#include <nibble/numeric/random.hpp>
#include <nibble/tensor/backend.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <type_traits>

namespace nibble {

struct adamw_options {
    double rate = 1e-3;  ///< of this step, see schedule.hpp
    double beta1 = 0.9;
    double beta2 = 0.999;
    double epsilon = 1e-8;
    double weight_decay = 0.0;  ///< a step takes rate · weight_decay of each weight
};

namespace detail {

/// 1 − beta^step by squaring, each product rounded before it is used: the same bits everywhere, unlike pow.
inline double one_minus_power(double beta, std::uint64_t step) {
    double power = 1.0;
    for (; step != 0; step /= 2) {
        if (step % 2 != 0) {
            power = std::fma(power, beta, 0.0);
        }
        beta = std::fma(beta, beta, 0.0);
    }
    return 1.0 - power;
}

/// Throws nibble::error if an option is out of its range.
inline adamw_factors factors_of(adamw_options const& o, std::uint64_t step) {
    auto const refuse = [](char const* what, double value, char const* range) {
        throw error("adamw_step got " + std::string(what) + " " + std::to_string(value) + "; it has to be " + range);
    };
    auto const within = [](double x, double low, double high) { return x >= low && x < high; };  // not NaN
    constexpr double huge = 3e38;                                                                // a float
    if (step == 0) {
        throw error("adamw_step got step 0; the first step is 1");
    }
    if (!within(o.rate, 0, huge)) {
        refuse("rate", o.rate, "finite and 0 or more");
    }
    if (!within(o.beta1, 0, 1)) {
        refuse("beta1", o.beta1, "at least 0 and below 1");
    }
    if (!within(o.beta2, 0, 1)) {
        refuse("beta2", o.beta2, "at least 0 and below 1");
    }
    if (!within(o.epsilon, 0x1p-126, huge)) {  // a normal float: 0 / 0 for a gradient of 0 otherwise
        refuse("epsilon", o.epsilon, "finite and at least 2^-126");
    }
    if (!within(o.weight_decay, 0, huge)) {
        refuse("weight decay", o.weight_decay, "finite and 0 or more");
    }
    auto const rounded = [](double x) { return static_cast<float>(x); };
    return {.old_mean = rounded(o.beta1),
            .new_mean = rounded(1.0 - o.beta1),
            .old_square = rounded(o.beta2),
            .new_square = rounded(1.0 - o.beta2),
            .mean_correction = rounded(1.0 / one_minus_power(o.beta1, step)),
            .root_correction = rounded(1.0 / std::sqrt(one_minus_power(o.beta2, step))),
            .epsilon = rounded(o.epsilon),
            .weight_decay = rounded(o.weight_decay),
            .rate = rounded(o.rate)};
}

}  // namespace detail

/// One step of AdamW, step = 1, 2, … . With t = step, for each element
///   m = β1 m + (1 − β1) g;  v = β2 v + (1 − β2) g²
///   w = w − rate · (m / (1 − β1^t) / (√(v / (1 − β2^t)) + ε) + weight_decay · w)
/// each line in f32 in the order of nn/cpu/adamw.inl, the factors rounded once from double, so that the bits depend
/// neither on threads nor on the instruction set. State in bf16 is computed in f32 and rounded at random as it is
/// stored, up with the probability of the fraction: its expectation is the f32 value, though 1 − β2 is below half its
/// ulp. That is a pure function of key (seed, step, tensor) and element; State = float ignores key.
///   error   to first order in u = 2^-24: m and v within 3 u of the sum of their terms' sizes; w, of these m and v,
///           within u |w| + 9 u · rate · (|m / (1 − β1^t)| / (√(v / (1 − β2^t)) + ε) + weight_decay |w|)
///   edges   a gradient that is not finite makes its element NaN for good, and g² overflows from |g| = 1.8e19 / √(1 −
///   β2)
///           on: look at global_norm first
///   source  Loshchilov and Hutter, arXiv:1711.05101, algorithm 2, with the schedule times α as rate and λ / α as decay
/// Throws nibble::error if sizes disagree, step is 0 or an option is out of range; nothing is written then.
template <class State>
void adamw_step(cpu where, adamw_options const& options, std::uint64_t step, std::span<float> w,
                std::span<float const> g, std::span<State> m, std::span<State> v, random_key key = {},
                isa set = best_isa()) {
    static_assert(std::is_same_v<State, float> || std::is_same_v<State, bf16>,
                  "nibble: adamw_step keeps its state in float or bf16");
    detail::adamw_factors const factors = detail::factors_of(options, step);
    if (g.size() != w.size() || m.size() != w.size() || v.size() != w.size()) {
        throw error("adamw_step got " + std::to_string(w.size()) + " weights, " + std::to_string(g.size()) +
                    " gradients and states of " + std::to_string(m.size()) + " and " + std::to_string(v.size()) +
                    "; there has to be one of each");
    }
    if (!supports(set)) {
        throw error("adamw_step was asked for an instruction set that this machine lacks; leave the choice to "
                    "best_isa()");
    }
    constexpr std::size_t chunk = 16384;  // less is done before another thread is awake
    where.parallel_for((w.size() + chunk - 1) / chunk, [&](std::size_t begin, std::size_t end) {
        std::size_t const first = begin * chunk;
        std::size_t const count = (std::min)(end * chunk, w.size()) - first;
        detail::adamw_range(set, factors, w.data() + first, g.data() + first, m.data() + first, v.data() + first, key,
                            first, count);
    });
}

}  // namespace nibble
