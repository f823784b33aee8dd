// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/tensor/matrix.hpp>

#include <cmath>
#include <cstddef>

namespace nibble::gemma3::detail {

/// Sums of squares of values and of what became of them, and the share of the one in the other.
struct squared_loss {
    double lost = 0;
    double whole = 0;

    void add(matrix<float> const& before, matrix<float> const& after) {
        for (std::size_t i = 0; i < before.rows() * before.columns(); ++i) {
            double const x = static_cast<double>(before.data()[i]);
            double const d = static_cast<double>(after.data()[i]) - x;
            lost += d * d;
            whole += x * x;
        }
    }
    squared_loss& operator+=(squared_loss const& other) {
        lost += other.lost;
        whole += other.whole;
        return *this;
    }
    double relative_rms() const { return lost == 0 ? 0.0 : std::sqrt(lost / whole); }
};

}  // namespace nibble::gemma3::detail
