// SPDX-License-Identifier: Apache-2.0
#include <nibble/scheme/rules/hqq.hpp>

#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cmath>
#include <vector>

#include "rule_data.hpp"

using namespace nibble;

namespace {

/// Σ w · |x − x̂| of each row.
template <class S>
std::vector<double> absolute_errors(matrix<float> const& x, std::span<float const> importance = {}) {
    auto const result = fake_quantize<S>(cpu{}, x, {.importance = importance});
    std::vector<double> sums(x.rows());
    for (std::size_t row = 0; row < x.rows(); ++row) {
        for (std::size_t i = 0; i < x.columns(); ++i) {
            double const w = importance.empty() ? 1.0 : static_cast<double>(importance[i]);
            sums[row] += w * std::fabs(static_cast<double>(x(row, i)) - static_cast<double>(result(row, i)));
        }
    }
    return sums;
}

double sum_of(std::vector<double> const& values) {
    double sum = 0;
    for (double const v : values) {
        sum += v;
    }
    return sum;
}

}  // namespace

TEST_CASE("the power of the shrinkage is pow's to 1e-14", "[scheme]") {
    for (double x = 1e-30; x < 1e60; x *= 1.37) {
        double const expected = std::pow(x, -0.3);
        REQUIRE(std::fabs(detail::power_minus_three_tenths(x) - expected) <= 1e-14 * expected);
    }
}

TEST_CASE("shrinking is the proximal formula", "[scheme]") {
    for (double const beta : {10.0, 12.2}) {
        for (double x = 0.001; x < 100; x *= 1.1) {
            double const expected = std::max(x - std::pow(x, -0.3) / beta, 0.0);
            REQUIRE(std::fabs(detail::shrink(x, beta) - expected) <= 1e-13 * x);
            REQUIRE(detail::shrink(-x, beta) == -detail::shrink(x, beta));
        }
    }
}

TEMPLATE_TEST_CASE("the origin is that of the formula, step by step", "[scheme]",
                   (exact<bits<4>, asymmetric_offset, hqq>), (exact<bits<2>, asymmetric_offset, hqq>)) {
    using S = TestType;
    auto const x = values_of(shape::laplace, 100, 64);
    auto const w = importance_of(64);
    for (std::size_t row = 0; row < x.rows(); ++row) {
        auto const [low, high] = std::minmax_element(x.row(row).begin(), x.row(row).end());
        float const s = (*high - *low) / static_cast<float>(S::qmax);
        float origin = *low;
        float best = origin;
        double least = 1e300;
        double beta = 10;
        for (int step = 0; step < 20; ++step) {
            double error = 0;
            double moved = 0;
            double total = 0;
            for (std::size_t i = 0; i < 64; ++i) {
                float const v = x(row, i);
                float const q = std::clamp(std::nearbyint((v - origin) / s), 0.0f, static_cast<float>(S::qmax));
                double const r = static_cast<double>(v) - (static_cast<double>(q) * s + static_cast<double>(origin));
                double const steps = std::fabs(r / s);
                double const kept = steps == 0 ? 0 : std::max(steps - std::pow(steps, -0.3) / beta, 0.0);
                double const weight = static_cast<double>(w[i]);
                error += weight * std::fabs(r);
                moved += weight * (r - s * std::copysign(kept, r));
                total += weight;
            }
            if (!(error < least)) {
                break;
            }
            least = error;
            best = origin;
            origin = static_cast<float>(static_cast<double>(origin) + moved / total);
            beta *= 1.01;
        }
        auto const fit = fit_of<S>(x.row(row), w);
        REQUIRE(fit.scale == s);
        REQUIRE(std::fabs(fit.origin - best) <= 0x1p-23f * std::fabs(best));  // a last bit of each
    }
}

TEMPLATE_TEST_CASE("the absolute error is never above that of min_max", "[scheme]", (exact<bits<4>, asymmetric_offset>),
                   (exact<bits<4>, asymmetric_offset, hqq>), (exact<bits<2>, asymmetric_offset>),
                   (exact<bits<3>, asymmetric_middle>)) {
    using plain = scheme<typename TestType::format, typename TestType::symmetry, scale_as<float>>;
    using S = scheme<typename TestType::format, typename TestType::symmetry, scale_as<float>, hqq>;
    for (shape const which : all_shapes) {
        auto const x = values_of(which, 200, 48);
        for (auto const& importance : {std::vector<float>(), importance_of(48)}) {
            auto const found = absolute_errors<S>(x, importance);
            auto const before = absolute_errors<plain>(x, importance);
            for (std::size_t row = 0; row < x.rows(); ++row) {
                REQUIRE(found[row] <= before[row] * (1 + 0x1p-16));  // x̂ in f32 is off by 2^-24 of x, 2^-18 of an error
            }
            CHECK(sum_of(found) < 0.97 * sum_of(before));
        }
    }
}

TEST_CASE("what the origin is worth on N(0, 1)", "[scheme]") {
    using plain = exact<bits<4>, asymmetric_offset>;
    using S = exact<bits<4>, asymmetric_offset, hqq>;
    auto const x = values_of(shape::normal, 2048, 32);
    double const absolute = sum_of(absolute_errors<S>(x)) / sum_of(absolute_errors<plain>(x));
    double const squared = error_ratio<S, plain>(x);
    CHECK((absolute > 0.935 && absolute < 0.955));
    CHECK((squared > 0.89 && squared < 0.91));
}

TEST_CASE("values scaled by a power of two get scale and origin scaled by it", "[scheme]") {
    using S = exact<bits<4>, asymmetric_offset, hqq>;
    auto const x = values_of(shape::normal, 20, 32);
    for (std::size_t row = 0; row < x.rows(); ++row) {
        std::vector<float> scaled(x.row(row).begin(), x.row(row).end());
        for (float& v : scaled) {
            v *= 0x1p-20f;
        }
        CHECK(fit_of<S>(scaled).scale == fit_of<S>(x.row(row)).scale * 0x1p-20f);
        CHECK(fit_of<S>(scaled).origin == fit_of<S>(x.row(row)).origin * 0x1p-20f);
    }
}
