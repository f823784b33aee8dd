// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>

namespace nibble_test {

/// A derivative in double, and more than it can be wrong by.
struct slope {
    double value;
    double error;
};

/// f′(0) from f(±h) and f(±2h), for f in double whose value is wrong by at most `noise`. Central differences over h
/// and 2h are wrong by c h² and 4 c h² and terms of h⁴, which the extrapolation leaves; for a smooth f these are below
/// |near − far| = 3 c h².
template <class F>
slope central_difference(F const& f, double h, double noise) {
    double const near = (f(h) - f(-h)) / (2 * h);
    double const far = (f(2 * h) - f(-2 * h)) / (4 * h);
    return {near + (near - far) / 3, std::fabs(near - far) + 2 * noise / h};
}

/// The larger of two shares of a bound, NaN being the largest.
inline double worse(double a, double b) { return a >= b || std::isnan(a) ? a : b; }

}  // namespace nibble_test
