// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/scheme/axis.hpp>
#include <nibble/scheme/rules/least_error.hpp>
#include <nibble/scheme/rules/trial.hpp>

#include <cmath>
#include <cstddef>

namespace nibble {

namespace detail {

/// The scale and origin of least Σ w · (x − s · l − o)² for the levels l that x has under `fit`; a zero point stays.
/// `fit` itself where the levels do not determine a scale, or one of the other sign.
///   symmetric   s = Σ w·x·l / Σ w·l²
///   offset      the 2 × 2 normal equations of the residuals;  o = 0 where S asks for o <= 0 and they give more
template <class S>
group_fit least_squares_step(group_values group, weights_of const& weights, group_fit fit) {
    trial<S> const tried(fit);
    double wl = 0;
    double wll = 0;
    double wlx = 0;
    double wr = 0;  // r = x − x̂
    double wlr = 0;
    for (std::size_t i = 0; i < group.values.size(); ++i) {
        double const x = static_cast<double>(group.values[i]);
        double const l = tried.level(group.values[i]);
        double const r = x - (l * static_cast<double>(fit.scale) + tried.base());
        double const w_l = weights[i] * l;
        wl += w_l;
        wll += product(w_l, l);
        wlx += product(w_l, x);
        wr += product(weights[i], r);
        wlr += product(w_l, r);
    }
    double s = wlx / wll;
    double o = 0;
    if constexpr (S::storage::has_offset) {
        double const determinant = product(weights.sum(), wll) - product(wl, wl);
        double const ds = (product(weights.sum(), wlr) - product(wl, wr)) / determinant;
        double const free_origin = tried.base() + (product(wll, wr) - product(wl, wlr)) / determinant;
        if (!range_holds_zero<S> || free_origin <= 0) {
            s = static_cast<double>(fit.scale) + ds;
            o = free_origin;
        }
    }
    if (!((s > 0 && fit.scale > 0) || (s < 0 && fit.scale < 0)) || !std::isfinite(o)) {
        return fit;
    }
    float const scale = to_scale(s);
    return {scale, S::storage::has_zero_point ? -tried.zero() * scale : to_finite(o)};
}

}  // namespace detail

/// Codes and scale (and origin) in turn, each the best for the other, from what least_error finds:
///   codes of the scale;  s = Σ w·x·l / Σ w·l²,  w being the importance (an importance matrix) and l the codes' levels
/// until Σ w · (x − x̂)² falls no more, 32 times at most.
///   error   never above least_error's, on scales in f32; other types round the scale. On N(0, 1), of least_error's:
///           e2m1.g32 0.97, int4.g32.offset 0.96 (tests/scheme/rules/least_squares.cpp)
struct least_squares {
    using axis = axis::scale_rule;
    static constexpr char const* name = "least_squares";
    static constexpr bool serves_asymmetric = true;

    template <class S>
    static group_fit fit(group_values group) {
        group_fit const start = least_error::fit<S>(group);
        if (start.scale == 0.0f) {
            return start;
        }
        detail::weights_of const weights(group);
        detail::best_fit<S> best(group);
        best.take(start);
        for (int step = 0; step < 32; ++step) {
            if (!best.take(detail::least_squares_step<S>(group, weights, best.fit()))) {
                break;
            }
        }
        return best.fit();
    }
};

}  // namespace nibble
