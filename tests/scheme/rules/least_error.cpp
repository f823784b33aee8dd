// SPDX-License-Identifier: Apache-2.0
#include <nibble/scheme/rules/least_error.hpp>

#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "rule_data.hpp"

using namespace nibble;

TEMPLATE_TEST_CASE("the error is never above that of the rule of the extremes, and below it on the whole", "[scheme]",
                   (exact<bits<2>>), (exact<bits<4>>), (exact<bits<8>, narrow_range>), (exact<bits<4>, mid_rise>),
                   (exact<ternary>), (exact<e2m1>), (exact<nf4>), (exact<codebook<iq4_nl_table>>),
                   (exact<bits<2>, asymmetric_offset>), (exact<bits<4>, asymmetric_middle>),
                   (exact<bits<4>, asymmetric>)) {
    using plain = TestType;
    using S = exact<typename plain::format, typename plain::range, typename plain::symmetry, least_error>;
    for (shape const which : all_shapes) {
        auto const x = values_of(which, 100, 48);
        for (auto const& importance : {std::vector<float>(), importance_of(48)}) {
            auto const found = errors<S>(x, importance);
            auto const before = errors<plain>(x, importance);
            for (std::size_t row = 0; row < x.rows(); ++row) {
                REQUIRE(found[row] <= before[row] + rounding_of(x, row, importance));
            }
            CHECK(error_ratio<S, plain>(x, importance) < (S::grid::bits == 8 ? 1.0 + 0x1p-20 : 0.98));
        }
    }
}

TEST_CASE("of the 64 scales, it is the one by which the nearest levels are nearest", "[scheme]") {
    using S = exact<bits<3>, narrow_range, least_error>;
    auto const x = values_of(shape::normal, 100, 24);
    auto const importance = importance_of(24);
    auto const found = errors<S>(x, importance);
    for (std::size_t row = 0; row < x.rows(); ++row) {
        float most = 0;
        for (float const v : x.row(row)) {
            most = std::max(most, std::fabs(v));
        }
        double least = std::numeric_limits<double>::infinity();
        for (int i = 1; i <= 64; ++i) {
            double const s = static_cast<double>(static_cast<float>(static_cast<double>(most / 3.0f) * i / 64));
            double sum = 0;
            for (std::size_t k = 0; k < 24; ++k) {
                double nearest = std::numeric_limits<double>::infinity();
                for (int q = -3; q <= 3; ++q) {
                    nearest = std::min(nearest, std::fabs(static_cast<double>(x(row, k)) - q * s));
                }
                sum += static_cast<double>(importance[k]) * nearest * nearest;
            }
            least = std::min(least, sum);
        }
        REQUIRE(std::fabs(found[row] - std::sqrt(least)) <= rounding_of(x, row, importance));
    }
}

TEST_CASE("what the search is worth on N(0, 1)", "[scheme]") {
    auto const groups = values_of(shape::normal, 2048, 32);
    auto const wider = values_of(shape::normal, 1024, 64);
    auto const channels = values_of(shape::normal, 64, 1024);
    double const int4 = error_ratio<exact<bits<4>, least_error>, exact<bits<4>>>(groups);
    double const int3 = error_ratio<exact<bits<3>, least_error>, exact<bits<3>>>(wider);
    double const three = error_ratio<exact<ternary, least_error>, exact<ternary>>(channels);
    double const offset =
        error_ratio<exact<bits<4>, asymmetric_offset, least_error>, exact<bits<4>, asymmetric_offset>>(groups);
    CHECK((int4 > 0.69 && int4 < 0.71));
    CHECK((int3 > 0.48 && int3 < 0.51));
    CHECK((three > 0.24 && three < 0.26));
    CHECK((offset > 0.83 && offset < 0.85));
}

TEST_CASE("importance moves the fit: what counts gets nearer, an outlier that does not count is ignored", "[scheme]") {
    using S = exact<bits<4>, least_error>;
    auto x = values_of(shape::normal, 1, 32);
    std::vector<float> importance(32, 1.0f);
    x(0, 5) = 50.0f;
    float const with_outlier = std::fabs(fit_of<S>(x.row(0), importance).scale);
    importance[5] = 0.0f;
    float const ignored = std::fabs(fit_of<S>(x.row(0), importance).scale);
    CHECK(with_outlier > 50.0f / 7 * 0.75f);
    CHECK(ignored < 50.0f / 7 * 0.125f);
    std::vector<float> const none(32, 0.0f);
    CHECK(fit_of<S>(x.row(0), none).scale == fit_of<S>(x.row(0)).scale);
}

TEST_CASE("the scale is negative only where the lowest level reaches further and the scale's type has a sign",
          "[scheme]") {
    float const x[] = {8, -7, 1, 2};
    CHECK(fit_of<exact<bits<4>, least_error>>(x).scale == -1.0f);
    CHECK(fit_of<exact<bits<4>, narrow_range, least_error>>(x).scale > 0);
    CHECK(fit_of<scheme<bits<4>, per_group<32>, scale_as<q4_k::scale_type>, least_error>>(x).scale > 0);
    CHECK(fit_of<exact<bits<4>, at_least_epsilon, least_error>>(x).scale > 0);
}
