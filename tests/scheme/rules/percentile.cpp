// SPDX-License-Identifier: Apache-2.0
#include <nibble/scheme/rules/percentile.hpp>

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cmath>
#include <vector>

#include "rule_data.hpp"

using namespace nibble;

TEST_CASE("a percentile is the least magnitude that the share of the values does not exceed", "[scheme]") {
    for (std::size_t n = 1; n < 50; ++n) {
        auto const x = values_of(shape::laplace, 1, n, static_cast<unsigned>(n));
        float const size = fit_of<exact<bits<4>, narrow_range, percentile<9, 10>>>(x.row(0)).scale * 7;
        // The quotient and the product round, by 2^-24 of the size each.
        std::size_t within = 0;
        std::size_t below = 0;
        for (float const v : x.row(0)) {
            within += std::fabs(v) <= size * (1 + 0x1p-22f) ? 1 : 0;
            below += std::fabs(v) < size * (1 - 0x1p-22f) ? 1 : 0;
        }
        REQUIRE(within * 10 >= n * 9);
        REQUIRE(below * 10 < n * 9);
    }
}

TEST_CASE("the whole share is the maximum: absmax_over_qmax", "[scheme]") {
    auto const x = values_of(shape::outliers, 50, 32);
    for (std::size_t row = 0; row < x.rows(); ++row) {
        float most = 0;
        for (float const v : x.row(row)) {
            most = std::max(most, std::fabs(v));
        }
        REQUIRE(fit_of<exact<bits<4>, percentile<1, 1>>>(x.row(row)).scale == most / 7.0f);
        REQUIRE(fit_of<exact<bits<4>, percentile<999, 1000>>>(x.row(row)).scale == most / 7.0f);  // of 32 values, all
    }
}

TEST_CASE("a percentile of zero gives way to the maximum", "[scheme]") {
    std::vector<float> x(100, 0.0f);
    x[17] = -7.0f;
    CHECK(fit_of<exact<bits<4>, percentile<1, 2>>>(x).scale == 1.0f);
    x[17] = 0.0f;
    CHECK(fit_of<exact<bits<4>, percentile<1, 2>>>(x).scale == 0.0f);
}
