// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/scheme/axis.hpp>
#include <nibble/scheme/rules/fraction.hpp>
#include <nibble/scheme/rules/trial.hpp>

#include <string_view>

namespace nibble {

/// s = c · mean|x|, c = Num / Den. It clips what lies beyond s · qmax, and does not ask for importance.
///   with ternary, per_tensor and c = 1: the weights of BitNet b1.58
///   error   the mean in f64, sequential, one rounding to f32
///   source  Ma et al. 2024, arXiv:2402.17764, section 2
template <int Num, int Den = 1>
struct mean_times {
    using axis = axis::scale_rule;
    static constexpr auto text = detail::fraction<Num, Den>::name("mean");
    static constexpr std::string_view name = text.data();

    template <class S>
    static group_fit fit(group_values group) {
        double sum = 0;
        for (float const x : group.values) {
            sum += static_cast<double>(x < 0 ? -x : x);
        }
        double const mean = sum / static_cast<double>(group.values.size());
        return {sum == 0.0 ? 0.0f : detail::to_scale(detail::fraction<Num, Den>::value * mean), 0.0f};
    }
};

}  // namespace nibble
