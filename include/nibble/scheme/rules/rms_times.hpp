// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/scheme/axis.hpp>
#include <nibble/scheme/rules/fraction.hpp>
#include <nibble/scheme/rules/trial.hpp>

#include <cmath>
#include <string_view>

namespace nibble {

/// s = c · √mean(x²), c = Num / Den. It clips what lies beyond s · qmax, and does not ask for importance.
///   error   squares exact, sum and root in f64, one rounding to f32
///   when to use which: where the distribution is known. Of N(0, 1), the best steps of a mid_rise grid are 1.00, 0.59
///   and 0.34 rms in 2, 3 and 4 bits (Max 1960, Quantizing for minimum distortion, table II)
template <int Num, int Den = 1>
struct rms_times {
    using axis = axis::scale_rule;
    static constexpr auto text = detail::fraction<Num, Den>::name("rms");
    static constexpr std::string_view name = text.data();

    template <class S>
    static group_fit fit(group_values group) {
        double sum = 0;
        for (float const x : group.values) {
            sum += static_cast<double>(x) * static_cast<double>(x);
        }
        double const rms = std::sqrt(sum / static_cast<double>(group.values.size()));
        return {sum == 0.0 ? 0.0f : detail::to_scale(detail::fraction<Num, Den>::value * rms), 0.0f};
    }
};

}  // namespace nibble
