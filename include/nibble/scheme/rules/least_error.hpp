// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/scheme/axis.hpp>
#include <nibble/scheme/rules/trial.hpp>
#include <nibble/scheme/scale.hpp>

namespace nibble {

/// The scale (and origin) of least squared error Σ w · (x − x̂)² among a grid, w being the importance.
///   symmetric   s = t · max|x| / high, and where a scale can be negative also t · extreme / low,  t = 1/64 … 64/64
///   asymmetric  the ends of the range moved inwards in turn, each over 64 positions, twice
///   error       never above that of absmax_over_qmax, or min_max, on scales in f32; other types round the scale.
///               On N(0, 1), of absmax_over_qmax's: int4.g32 0.70, int3.g64 0.49, ternary 0.25 (a channel of 1024);
///               of min_max's: int4.g32.offset 0.84 (tests/scheme/rules/least_error.cpp)
///   cost        the group is quantized 64 to 256 times
///   when to use which: in few bits. In 8, a position is two steps wide: only far outliers and importance move an end
struct least_error {
    using axis = axis::scale_rule;
    static constexpr char const* name = "mse";
    static constexpr bool serves_asymmetric = true;

    template <class S>
    static group_fit fit(group_values group) {
        auto const range = detail::range_of_group<S>(group);
        if (S::is_symmetric ? range.extreme == 0.0f : range.min == range.max) {
            return {0.0f, S::is_symmetric ? 0.0f : range.min};
        }
        detail::best_fit<S> best(group);
        if constexpr (S::is_symmetric) {
            shrink(best, absmax_over_qmax::scale(range, S::low, S::high));
            if constexpr (detail::scale_has_sign<S>) {
                shrink(best, signed_extreme::scale(range, S::low, S::high));
            }
        } else {
            move_ends<S>(best, range);
        }
        return best.fit();
    }

private:
    static constexpr int positions = 64;

    template <class S>
    static void shrink(detail::best_fit<S>& best, float scale) {
        for (int i = positions; i >= 1; --i) {
            best.take({detail::to_scale(static_cast<double>(scale) * i / positions), 0.0f});
        }
    }

    template <class S>
    static void move_ends(detail::best_fit<S>& best, group_range range) {
        double low = static_cast<double>(range.min);
        double high = static_cast<double>(range.max);
        double const unit = (high - low) / positions;
        best.take(detail::fit_of_range<S>(range));
        for (int turn = 0; turn < 4; ++turn) {
            double& end = turn % 2 == 0 ? high : low;
            double const outermost = static_cast<double>(turn % 2 == 0 ? range.max : range.min);
            double chosen = end;
            for (int i = 0; i < positions; ++i) {
                end = outermost + detail::product(turn % 2 == 0 ? -i : i, unit);
                if (low < high && best.take(detail::fit_between<S>(low, high))) {
                    chosen = end;
                }
            }
            end = chosen;
        }
    }
};

}  // namespace nibble
