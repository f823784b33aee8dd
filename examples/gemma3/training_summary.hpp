// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "chart_series.hpp"
#include "training_record.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <vector>

namespace program {

/// The drawable values of a member of the records, by step.
template <class Record>
std::vector<point> points_of(std::vector<Record> const& records, double Record::* value) {
    std::vector<point> points;
    for (auto const& record : records) {
        if (auto const y = drawable(record.*value)) {
            points.push_back({static_cast<double>(record.step), *y});
        }
    }
    return points;
}

/// The sum of what steps took; NaN where none says.
inline double total_of(std::vector<point> const& parts) {
    return std::accumulate(parts.begin(), parts.end(), parts.empty() ? step_record::none : 0.0,
                           [](double sum, point p) { return sum + p.y; });
}

/// A run in a few numbers; NaN where the log does not say.
struct training_summary {
    std::uint64_t last_step = 0;
    std::size_t skipped = 0;          ///< steps that changed nothing, those with a loss that is not finite included
    std::vector<double> skips;        ///< which
    std::vector<point> losses;        ///< of the other steps
    std::size_t width;                ///< steps that a mean is taken of: a fiftieth of all
    double loss = step_record::none;  ///< the mean of the last `width`
    held_out_record held_out;         ///< the last
    held_out_record least_held_out;
    double tokens, seconds;

    explicit training_summary(step_records const& records)
        : last_step(records.steps.back().step), tokens(total_of(points_of(records.steps, &step_record::tokens))),
          seconds(total_of(points_of(records.steps, &step_record::seconds))) {
        for (auto const& record : records.steps) {
            auto const y = drawable(record.loss);
            if (record.skipped || !y) {
                skips.push_back(static_cast<double>(record.step));
            } else {
                losses.push_back({static_cast<double>(record.step), *y});
            }
        }
        skipped = skips.size();
        width = std::max<std::size_t>(1, losses.size() / 50);
        if (!losses.empty()) {
            double sum = 0;
            std::for_each(losses.end() - static_cast<std::ptrdiff_t>(width), losses.end(),
                          [&](point p) { sum += p.y; });
            loss = sum / static_cast<double>(width);
        }
        for (auto const& record : records.held_out) {
            if (drawable(record.perplexity)) {
                held_out = record;
                least_held_out = !(least_held_out.perplexity <= record.perplexity) ? record : least_held_out;
            }
        }
    }
};

}  // namespace program
