// SPDX-License-Identifier: Apache-2.0
#include <nibble/scheme/rules/rms_times.hpp>

#include <catch2/catch_test_macros.hpp>

#include <cmath>

#include "rule_data.hpp"

using namespace nibble;

TEST_CASE("rms_times is c times the root of the mean square, rounded once", "[scheme]") {
    for (shape const which : all_shapes) {
        auto const x = values_of(which, 20, 100);
        for (std::size_t row = 0; row < x.rows(); ++row) {
            long double sum = 0;
            for (float const v : x.row(row)) {
                sum += static_cast<long double>(v) * v;
            }
            auto const expected = static_cast<double>(std::sqrt(sum / 100) / 3);
            double const scale = fit_of<exact<bits<4>, rms_times<1, 3>>>(x.row(row)).scale;
            REQUIRE(std::fabs(scale - expected) <= expected * 0x1.0001p-24);  // half an ulp, and f64's share
        }
    }
}

TEST_CASE("of N(0, 1), the best steps of a mid-rise grid are Max's", "[scheme]") {
    auto const x = values_of(shape::normal, 64, 4096);
    auto const best = [&]<int Bits, int Share>() {
        using S = exact<bits<Bits>, mid_rise, rms_times<Share, 101>>;
        CHECK(error_ratio<S, exact<bits<Bits>, mid_rise, rms_times<Share - 6, 101>>>(x) < 1.0);
        CHECK(error_ratio<S, exact<bits<Bits>, mid_rise, rms_times<Share + 6, 101>>>(x) < 1.0);
    };
    best.template operator()<2, 100>();
    best.template operator()<3, 59>();
    best.template operator()<4, 34>();
}
