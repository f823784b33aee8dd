// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/scheme/axis.hpp>
#include <nibble/scheme/rules/trial.hpp>

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace nibble {

namespace detail {

/// x^-0.3 for a normal x, to 1e-14: the tenth root of x^-3 by Newton's method, from a start in integer arithmetic.
inline double power_minus_three_tenths(double x) {
    constexpr std::int64_t one = std::bit_cast<std::int64_t>(1.0);
    double y = std::bit_cast<double>(one - (std::bit_cast<std::int64_t>(x) - one) / 10 * 3);
    double const cube = x * x * x;
    for (int i = 0; i < 6; ++i) {
        double const y2 = y * y;
        double const y4 = y2 * y2;
        y += product(y / 10, 1.0 - product(y4 * y4 * y2, cube));
    }
    return y;
}

/// The part of an error that a value may keep:  sgn(x) · max(|x| − |x|^(p − 1) / beta, 0),  p = 0.7: the proximal
/// operator of |x|^p, for beta <= 14.
inline double shrink(double x, double beta) {
    double const size = std::fabs(x);
    if (size < 0.125) {
        return 0.0;  // 0.125^1.3 < 1 / 14
    }
    double const left = size - power_minus_three_tenths(size) / beta;
    return left > 0 ? std::copysign(left, x) : 0.0;
}

}  // namespace detail

/// Half-quadratic quantization: the scale of min_max, and an origin of little Σ w · |x − x̂|^0.7, by which few values
/// may be far off while most are near. It moves, 20 times at most and until Σ w · |x − x̂| falls no more, by
///   r = x − x̂,  e = s · shrink(r / s, beta),  o ← o + Σ w · (r − e) / Σ w,  beta ← 1.01 · beta, from 10
///   error   Σ w · |x − x̂| is never above min_max's, on scales and offsets in f32. On N(0, 1), int4.g32.offset:
///           0.94 of it, and 0.90 of the squared error (tests/scheme/rules/hqq.cpp)
///   source  Badri and Shaji 2023, Half-Quadratic Quantization of Large Machine Learning Models. Here errors are
///           counted in steps, so that scaled weights get scaled values, and every group stops on its own
struct hqq {
    using axis = axis::scale_rule;
    static constexpr char const* name = "hqq";
    static constexpr bool serves_symmetric = false;
    static constexpr bool serves_asymmetric = true;

    template <class S>
    static group_fit fit(group_values group) {
        static_assert(S::storage::has_offset,
                      "nibble: hqq moves an offset by less than a step, which a zero point cannot follow; use "
                      "asymmetric_offset or asymmetric_middle, or another rule");
        auto const range = detail::range_of_group<S>(group);
        if (range.min == range.max) {
            return {0.0f, range.min};
        }
        detail::weights_of const weights(group);
        group_fit fit = detail::fit_of_range<S>(range);
        group_fit best = fit;
        double const s = static_cast<double>(fit.scale);
        double least = std::numeric_limits<double>::infinity();
        double beta = 10;
        for (int step = 0; step < 20; ++step) {
            detail::trial<S> const tried(fit);
            double error = 0;
            double moved = 0;
            for (std::size_t i = 0; i < group.values.size(); ++i) {
                double const r = static_cast<double>(group.values[i]) - tried.value(group.values[i]);
                error += detail::product(weights[i], std::fabs(r));
                moved += detail::product(weights[i], r - detail::product(s, detail::shrink(r / s, beta)));
            }
            if (!(error < least)) {
                break;
            }
            least = error;
            best = fit;
            double const origin = tried.base() + moved / weights.sum();
            fit.origin = detail::range_holds_zero<S> && origin > 0 ? 0.0f : detail::to_finite(origin);
            beta *= 1.01;
        }
        return best;
    }
};

}  // namespace nibble
