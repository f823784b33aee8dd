// SPDX-License-Identifier: Apache-2.0
#include <nibble/scheme/rules/least_squares.hpp>

#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>

#include <cmath>
#include <vector>

#include "rule_data.hpp"

using namespace nibble;

TEMPLATE_TEST_CASE("a step of codes and scale never raises the weighted squared error", "[scheme]",
                   (exact<bits<2>, least_squares>), (exact<bits<4>, least_squares>),
                   (exact<bits<4>, mid_rise, least_squares>), (exact<ternary, least_squares>),
                   (exact<e2m1, least_squares>), (exact<nf4, least_squares>),
                   (exact<bits<4>, asymmetric_offset, least_squares>),
                   (exact<bits<3>, asymmetric_middle, least_squares>), (exact<bits<4>, asymmetric, least_squares>)) {
    using S = TestType;
    for (shape const which : all_shapes) {
        auto const x = values_of(which, 100, 40);
        auto const importance = importance_of(40);
        for (std::size_t row = 0; row < x.rows(); ++row) {
            group_values const group{x.row(row), importance};
            detail::weights_of const weights(group);
            auto const range = detail::range_of_group<S>(group);
            group_fit fit = S::is_symmetric ? group_fit{range.extreme / S::high, 0} : detail::fit_of_range<S>(range);
            double error = detail::squared_error<S>(group, weights, fit);
            for (int step = 0; step < 20; ++step) {
                fit = detail::least_squares_step<S>(group, weights, fit);
                detail::trial<S> const tried(fit);
                double const next = detail::squared_error<S>(group, weights, fit);
                // Scale and origin are rounded to f32, and so is the quotient by which a code is nearest: each moves a
                // value by 2^-24 of it, so a squared error of at most (s/2)² by 2^-24 · s · |value| a piece.
                double slack = 0;
                for (std::size_t i = 0; i < 40; ++i) {
                    double const s = std::fabs(static_cast<double>(fit.scale));
                    double const size = std::fabs(static_cast<double>(x(row, i))) + std::fabs(tried.base()) + s;
                    slack += static_cast<double>(importance[i]) * 4 * 0x1p-24 * size * size;
                }
                REQUIRE(next <= error + slack);
                error = next;
            }
        }
    }
}

TEST_CASE("a step of a symmetric scheme is the quotient of sums", "[scheme]") {
    using S = exact<bits<4>, least_squares>;
    float const x[] = {1.25f, -2.5f, 7.5f, 0.25f};
    float const w[] = {1, 4, 2, 8};
    // Codes by the scale 1: 1, -2, 7, 0.
    double const expected = (1.25 + 4 * 5.0 + 2 * 7 * 7.5) / (1 + 4 * 4 + 2 * 49);
    auto const fit = detail::least_squares_step<S>({x, w}, detail::weights_of({x, w}), {1.0f, 0.0f});
    CHECK(fit.scale == static_cast<float>(expected));
}

TEST_CASE("a step of an offset scheme is the weighted regression of values on codes", "[scheme]") {
    using S = exact<bits<4>, asymmetric_offset, least_squares>;
    auto const x = values_of(shape::normal, 1, 30);
    auto const importance = importance_of(30);
    group_values const group{x.row(0), importance};
    auto const start = detail::fit_of_range<S>(detail::range_of_group<S>(group));
    detail::trial<S> const tried(start);
    long double w = 0, l = 0, v = 0;
    for (std::size_t i = 0; i < 30; ++i) {
        w += importance[i];
        l += importance[i] * static_cast<long double>(tried.level(x(0, i)));
        v += importance[i] * static_cast<long double>(x(0, i));
    }
    long double covariance = 0, variance = 0;
    for (std::size_t i = 0; i < 30; ++i) {
        long double const d = static_cast<long double>(tried.level(x(0, i))) - l / w;
        covariance += importance[i] * d * (static_cast<long double>(x(0, i)) - v / w);
        variance += importance[i] * d * d;
    }
    auto const s = static_cast<double>(covariance / variance);
    auto const o = static_cast<double>(v / w - covariance / variance * l / w);
    auto const fit = detail::least_squares_step<S>(group, detail::weights_of(group), start);
    CHECK(std::fabs(static_cast<double>(fit.scale) - s) <= s * 0x1.001p-24);
    CHECK(std::fabs(static_cast<double>(fit.origin) - o) <= std::fabs(o) * 0x1.001p-24);
}

TEST_CASE("a step from levels that determine no scale stays where it is", "[scheme]") {
    using offset = exact<bits<4>, asymmetric_offset, least_squares>;
    float const x[] = {1, 1, 1};
    detail::weights_of const weights({x, {}});
    CHECK(detail::least_squares_step<offset>({x, {}}, weights, {1.0f, 0.0f}).scale == 1.0f);
    CHECK(detail::least_squares_step<exact<bits<4>, least_squares>>({x, {}}, weights, {100.0f, 0.0f}).scale == 100.0f);
}

TEMPLATE_TEST_CASE("the error is never above that of the search it starts from", "[scheme]", bits<2>, bits<4>, ternary,
                   e2m1, nf4) {
    for (shape const which : all_shapes) {
        auto const x = values_of(which, 200, 32);
        for (auto const& importance : {std::vector<float>(), importance_of(32)}) {
            auto const found = errors<exact<TestType, least_squares>>(x, importance);
            auto const before = errors<exact<TestType, least_error>>(x, importance);
            for (std::size_t row = 0; row < x.rows(); ++row) {
                REQUIRE(found[row] <= before[row] + rounding_of(x, row, importance));
            }
        }
    }
}

TEST_CASE("what the steps are worth on N(0, 1)", "[scheme]") {
    auto const x = values_of(shape::normal, 2048, 32);
    double const floats = error_ratio<exact<e2m1, least_squares>, exact<e2m1, least_error>>(x);
    double const offset =
        error_ratio<exact<bits<4>, asymmetric_offset, least_squares>, exact<bits<4>, asymmetric_offset, least_error>>(
            x);
    CHECK((floats > 0.96 && floats < 0.98));
    CHECK((offset > 0.95 && offset < 0.97));
}

TEST_CASE("columns that count more come out nearer than without importance", "[scheme]") {
    using S = exact<bits<3>, least_squares>;
    auto const x = values_of(shape::normal, 500, 32);
    std::vector<float> importance(32, 1.0f);
    std::vector<float> first_only(32, 0.0f);
    for (std::size_t i = 0; i < 8; ++i) {
        importance[i] = 100.0f;
        first_only[i] = 1.0f;
    }
    auto const error_of_first = [&](std::span<float const> given) {
        auto const result = fake_quantize<S>(cpu{}, x, {.importance = given});
        double sum = 0;
        for (std::size_t row = 0; row < x.rows(); ++row) {
            for (std::size_t i = 0; i < 8; ++i) {
                double const d = static_cast<double>(x(row, i)) - static_cast<double>(result(row, i));
                sum += d * d;
            }
        }
        return sum;
    };
    CHECK(error_of_first(importance) < 0.7 * error_of_first({}));
    CHECK(error_of_first(first_only) < error_of_first(importance));
}
