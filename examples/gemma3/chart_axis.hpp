// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "page_text.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

namespace program {

struct axis_tick {
    double place = 0;  ///< 0 to 1, as of chart_axis
    std::string text;
};

/// Where values lie between the ends of a chart. Ends are 0 or between 1e-100 and 1e100 in magnitude, as of drawable().
class chart_axis {
public:
    /// From `low` to `high`, with about `about` ticks at multiples of 1, 2 or 5 times a power of ten. `whole_steps`
    /// moves the ends out to ticks.
    static chart_axis linear(double low, double high, int about, bool whole_steps) {
        if (!(high - low > 1e-9 * std::max(std::abs(low), std::abs(high)))) {
            double const pad = low == 0 ? 1 : std::abs(low) / 10;
            low -= pad;
            high += pad;
        }
        double const rough = (high - low) / about;
        double const power = std::pow(10, std::floor(std::log10(rough)));
        double const step = power * (rough <= power ? 1 : rough <= 2 * power ? 2 : rough <= 5 * power ? 5 : 10);
        chart_axis axis(low, high, false);
        double const first = whole_steps ? std::floor(low / step + 1e-9) : std::ceil(low / step - 1e-9);
        double const last = whole_steps ? std::ceil(high / step - 1e-9) : std::floor(high / step + 1e-9);
        if (whole_steps) {
            axis.low_ = first * step;
            axis.high_ = last * step;
        }
        double const largest = std::max(std::abs(first), std::abs(last)) * step;
        int const decimals = static_cast<int>(std::max(0.0, -std::floor(std::log10(step) + 1e-9)));
        for (double k = first; k <= last; ++k) {
            double const value = k == 0 ? 0 : k * step;  // never -0
            bool const plain = k == 0 || (largest < 1e6 && decimals <= 4);
            axis.ticks_.push_back(
                {axis.place(value), plain ? grouped(fixed(value, k == 0 ? 0 : decimals)) : number_text(value)});
        }
        return axis;
    }

    /// From `low` > 0 to `high`, moved out to ticks: 1, 2 and 5 times powers of ten, or powers of ten alone.
    static chart_axis logarithmic(double low, double high, int about) {
        bool const fine = std::log10(high / low) <= 2;
        std::vector<double> marks;
        for (double power = std::floor(std::log10(low)); power <= std::ceil(std::log10(high)); ++power) {
            for (double const mantissa : {1.0, 2.0, 5.0}) {
                if (fine || mantissa == 1) {
                    marks.push_back(mantissa * std::pow(10, power));
                }
            }
        }
        auto const first = std::max(std::upper_bound(marks.begin(), marks.end(), low), marks.begin() + 1) - 1;
        auto const last = std::min(std::lower_bound(marks.begin(), marks.end(), high), marks.end() - 1);
        chart_axis axis(*first, std::max(*last, high), true);
        auto const stride = fine ? 1 : 1 + (last - first) / (about + 1);
        for (auto mark = first;; mark += stride) {
            axis.ticks_.push_back({axis.place(*mark), number_text(*mark)});
            if (last - mark < stride) {
                break;
            }
        }
        return axis;
    }

    /// 0 at the low end, 1 at the high end, and never beyond.
    double place(double value) const {
        double const share = logarithmic_ ? std::log(std::max(value, low_) / low_) / std::log(high_ / low_)
                                          : (value - low_) / (high_ - low_);
        return std::clamp(share, 0.0, 1.0);
    }

    std::vector<axis_tick> const& ticks() const { return ticks_; }
    bool is_logarithmic() const { return logarithmic_; }

private:
    chart_axis(double low, double high, bool logarithmic) : low_(low), high_(high), logarithmic_(logarithmic) {}

    double low_, high_;
    bool logarithmic_;
    std::vector<axis_tick> ticks_;
};

}  // namespace program
