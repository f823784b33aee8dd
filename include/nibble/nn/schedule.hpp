// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/numeric/error.hpp>

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>

namespace nibble {

namespace detail {

/// sin(π/2 · x) for 0 <= x <= 1/2 within 2^-52, by the series up to y^17. The same bits everywhere, unlike std::sin.
inline double sine_of_quarter_turns(double x) {
    double const y = 0x1.921fb54442d18p+0 * x;
    double const square = y * y;
    double sum = 0.0;
    for (int i = 17; i > 1; i -= 2) {
        sum = std::fma(-square / (i * (i - 1)), sum, -square / (i * (i - 1)));
    }
    return std::fma(y, sum, y);
}

}  // namespace detail

/// Learning rate of step 1, 2, …: rises linearly over the warm-up to the peak, which its last step has, and then either
/// stays or falls in half a cosine to the floor, which the last step and all later ones have.
///   rate(s) = peak · s / warmup                                                   s <= warmup
///   rate(s) = floor + (peak − floor) · (1 + cos(π (s − warmup) / (steps − warmup))) / 2     until s = steps
///   source  Loshchilov and Hutter, arXiv:1608.03983, eq. (5), without restarts
class schedule {
public:
    /// Throws nibble::error if peak is negative or not finite.
    static schedule constant(double peak, std::uint64_t warmup = 0) { return {peak, peak, warmup, warmup}; }

    /// Throws nibble::error unless 0 <= floor <= peak < infinity and warmup <= steps.
    static schedule cosine(double peak, double floor, std::uint64_t warmup, std::uint64_t steps) {
        return {peak, floor, warmup, steps};
    }

    double peak() const { return peak_; }
    double floor() const { return floor_; }
    std::uint64_t warmup() const { return warmup_; }
    std::uint64_t steps() const { return steps_; }

    double rate(std::uint64_t step) const {
        auto const over = [](std::uint64_t a, std::uint64_t b) {
            return static_cast<double>(a) / static_cast<double>(b);
        };
        if (step < warmup_) {
            return peak_ * over(step, warmup_);
        }
        if (step >= steps_) {
            return floor_;
        }
        double const done = over(step - warmup_, steps_ - warmup_);
        double const root = detail::sine_of_quarter_turns(done <= 0.5 ? done : over(steps_ - step, steps_ - warmup_));
        double const share = done <= 0.5 ? std::fma(-root, root, 1.0) : root * root;  // cos²(π/2 · done)
        return std::fma(peak_ - floor_, share, floor_);
    }

    friend bool operator==(schedule const&, schedule const&) = default;

private:
    schedule(double peak, double floor, std::uint64_t warmup, std::uint64_t steps)
        : peak_(peak), floor_(floor), warmup_(warmup), steps_(steps) {
        if (!(0 <= floor && floor <= peak && peak <= (std::numeric_limits<double>::max)())) {
            throw error("A schedule got the peak " + std::to_string(peak) + " and the floor " + std::to_string(floor) +
                        "; both have to be finite, with 0 <= floor <= peak.");
        }
        if (warmup > steps) {
            throw error("A schedule of " + std::to_string(steps) + " steps got a warm-up of " + std::to_string(warmup) +
                        "; it has to fit in them.");
        }
    }

    double peak_;
    double floor_;
    std::uint64_t warmup_;
    std::uint64_t steps_;
};

}  // namespace nibble
