// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <vector>

namespace nibble_test {

/// ln softmax(scale · logits), in double.
inline std::vector<double> log_softmax(std::span<double const> logits, double scale = 1) {
    double const most = *std::max_element(logits.begin(), logits.end());
    double sum = 0;
    for (double const x : logits) {
        sum += std::exp(scale * (x - most));
    }
    std::vector<double> result;
    for (double const x : logits) {
        result.push_back(scale * (x - most) - std::log(sum));
    }
    return result;
}

inline std::vector<double> doubles(std::span<float const> row) { return {row.begin(), row.end()}; }

/// Σ exp(p) (p − q).
inline double divergence(std::span<double const> p, std::span<double const> q) {
    double sum = 0;
    for (std::size_t c = 0; c < p.size(); ++c) {
        sum += std::exp(p[c]) * (p[c] - q[c]);
    }
    return sum;
}

}  // namespace nibble_test
