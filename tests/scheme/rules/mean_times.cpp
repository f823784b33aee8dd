// SPDX-License-Identifier: Apache-2.0
#include <nibble/scheme/rules/mean_times.hpp>

#include <catch2/catch_test_macros.hpp>

#include <cmath>

#include "rule_data.hpp"

using namespace nibble;

TEST_CASE("mean_times is c times the mean magnitude, rounded once", "[scheme]") {
    for (shape const which : all_shapes) {
        auto const x = values_of(which, 20, 100);
        for (std::size_t row = 0; row < x.rows(); ++row) {
            long double sum = 0;
            for (float const v : x.row(row)) {
                sum += std::fabs(static_cast<long double>(v));
            }
            auto const expected = static_cast<double>(1.5L * sum / 100);
            double const scale = fit_of<exact<bits<4>, mean_times<3, 2>>>(x.row(row)).scale;
            REQUIRE(std::fabs(scale - expected) <= expected * 0x1.0001p-24);  // half an ulp, and f64's share
        }
    }
}

TEST_CASE("ternary weights by their mean are the sign of what is at least half of it", "[scheme]") {
    matrix<float> x(1, 4);
    float const values[] = {-4, 0.5f, 2, 1.5f};  // mean 2
    std::copy(std::begin(values), std::end(values), x.data());
    auto const result = fake_quantize<exact<ternary, per_tensor, mean_times<1>>>(cpu{}, x);
    CHECK(result(0, 0) == -2.0f);
    CHECK(result(0, 1) == 0.0f);
    CHECK(result(0, 2) == 2.0f);
    CHECK(result(0, 3) == 2.0f);
}
