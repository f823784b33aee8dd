// SPDX-License-Identifier: Apache-2.0
#include <nibble/nn/rms_norm_backward.hpp>
#include <nibble/tensor/thread_pool.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <nn/gradients.hpp>
#include <nn/layers.hpp>
#include <numeric/ulp.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

using nibble::cpu;
using nibble::matrix;
using nibble_test::unit_roundoff;

namespace {

constexpr float epsilon = 1e-6f;

double wide(float x) { return static_cast<double>(x); }

struct problem {
    problem(std::size_t rows, std::size_t columns, float size)
        : x(nibble_test::random_matrix(rows, columns, size, 3)), dy(nibble_test::random_matrix(rows, columns, 2.0f, 4)),
          factor(nibble_test::random_floats(columns, 2.0f, 5)), before(nibble_test::random_floats(columns, 1.0f, 6)) {}

    /// dx, and dfactor on top of `before`, as one more row.
    matrix<float> run(cpu where = {}, nibble::isa set = nibble::best_isa(), float eps = epsilon) const {
        matrix<float> result(x.rows() + 1, x.columns());
        auto const dfactor = result.row(x.rows());
        std::copy(before.begin(), before.end(), dfactor.begin());
        rms_norm_backward(where, x, factor, eps, dy, {result.data(), x.rows(), x.columns()}, dfactor, set);
        return result;
    }

    double root(std::size_t row, double eps) const {
        double sum = 0;
        for (float const value : x.row(row)) {
            sum += wide(value) * wide(value);
        }
        return 1 / std::sqrt(sum / static_cast<double>(x.columns()) + eps);
    }

    matrix<float> x;
    matrix<float> dy;
    std::vector<float> factor;
    std::vector<float> before;
};

/// Σ dy · rms_norm(x), in double, of one row.
double forward(std::vector<double> const& x, std::vector<double> const& factor, std::span<float const> dy) {
    double squares = 0;
    double sum = 0;
    for (std::size_t c = 0; c < x.size(); ++c) {
        squares += x[c] * x[c];
        sum += wide(dy[c]) * x[c] * factor[c];
    }
    return sum / std::sqrt(squares / static_cast<double>(x.size()) + wide(epsilon));
}

}  // namespace

TEST_CASE("rms_norm_backward is the derivative of the formula, and within its stated error") {
    for (std::size_t const columns : {1u, 7u, 16u, 40u}) {
        CAPTURE(columns);
        problem const p(3, columns, 1.5f);
        auto const got = p.run();
        std::vector<double> dfactor(columns);
        std::vector<double> dfactor_bound(columns);
        double worst = 0;
        for (std::size_t row = 0; row < 3; ++row) {
            std::vector<double> const x(p.x.row(row).begin(), p.x.row(row).end());
            std::vector<double> const factor(p.factor.begin(), p.factor.end());
            double const r = p.root(row, wide(epsilon));
            double mean = 0;
            for (std::size_t c = 0; c < columns; ++c) {
                mean += std::fabs(wide(p.dy(row, c)) * factor[c] * x[c] * r) / static_cast<double>(columns);
            }
            // The sums have some 40 terms of at most 4 in size.
            constexpr double noise = 40 * 40 * 4 * 0x1p-53;
            for (std::size_t c = 0; c < columns; ++c) {
                auto const moved = [&](std::vector<double> of, double by) {
                    of[c] += by;
                    return of;
                };
                auto const dx = nibble_test::central_difference(
                    [&](double by) { return forward(moved(x, by), factor, p.dy.row(row)); }, 1e-4, noise);
                double const g = std::fabs(wide(p.dy(row, c)) * factor[c]);
                double const bound = unit_roundoff * r * (4.01 * g + 7.01 * std::fabs(x[c] * r) * mean);
                worst = nibble_test::worse(worst, std::fabs(wide(got(row, c)) - dx.value) / (bound + dx.error));
                auto const df = nibble_test::central_difference(
                    [&](double by) { return forward(x, moved(factor, by), p.dy.row(row)); }, 1e-4, noise);
                dfactor[c] += df.value;
                dfactor_bound[c] += df.error + 2.01 * unit_roundoff * std::fabs(wide(p.dy(row, c)) * x[c] * r);
            }
        }
        CHECK(worst <= 1);
        for (std::size_t c = 0; c < columns; ++c) {
            double const exact = wide(p.before[c]) + dfactor[c];
            REQUIRE(std::fabs(wide(got(3, c)) - exact) <= dfactor_bound[c] + unit_roundoff * std::fabs(exact) * 1.01);
        }
    }
}

TEST_CASE("rms_norm_backward keeps its stated error over many rows, for |x| from 1e-30 to 1e30") {
    for (float const size : {1e-30f, 1e-6f, 1.0f, 1e30f}) {
        for (float const eps : {0.0f, epsilon}) {
            for (std::size_t const columns : {33u, 640u}) {
                CAPTURE(size, eps, columns);
                problem const p(150, columns, size);
                auto const got = p.run(cpu{}, nibble::best_isa(), eps);
                std::vector<double> dfactor(p.before.begin(), p.before.end());
                std::vector<double> magnitude(columns);
                double worst = 0;
                for (std::size_t row = 0; row < 150; ++row) {
                    double const r = p.root(row, wide(eps));
                    double mean = 0;
                    double mean_magnitude = 0;
                    for (std::size_t c = 0; c < columns; ++c) {
                        double const term = wide(p.dy(row, c)) * wide(p.factor[c]) * wide(p.x(row, c)) * r;
                        mean += term / static_cast<double>(columns);
                        mean_magnitude += std::fabs(term) / static_cast<double>(columns);
                    }
                    for (std::size_t c = 0; c < columns; ++c) {
                        double const g = wide(p.dy(row, c)) * wide(p.factor[c]);
                        double const v = wide(p.x(row, c)) * r;
                        double const bound =
                            unit_roundoff * r * (4.01 * std::fabs(g) + 7.01 * std::fabs(v) * mean_magnitude);
                        // A product of factors that vanishes in float is 2^-149 from its value.
                        worst = nibble_test::worse(worst, std::fabs(wide(got(row, c)) - r * (g - v * mean)) /
                                                              (bound + 0x1p-148 * (1 + r)));
                        dfactor[c] += wide(p.dy(row, c)) * v;
                        magnitude[c] += std::fabs(wide(p.dy(row, c)) * v);
                    }
                }
                CHECK(worst <= 1);
                for (std::size_t c = 0; c < columns; ++c) {
                    double const bound = unit_roundoff * (2.01 * magnitude[c] + 1.01 * std::fabs(dfactor[c]));
                    REQUIRE(std::fabs(wide(got(150, c)) - dfactor[c]) <= bound);
                }
            }
        }
    }
}

TEST_CASE(
    "rms_norm_backward has the same bits on every instruction set and for 1, 2 and 5 threads, over dy and over x") {
    for (std::size_t const columns : {1u, 15u, 16u, 31u, 640u}) {
        CAPTURE(columns);
        problem const p(200, columns, 3.0f);
        auto const expected = p.run(cpu{}, nibble::isa::scalar);
        for (auto const set : supported_sets()) {
            for (std::size_t const threads : {1u, 2u, 5u}) {
                nibble::thread_pool pool(threads);
                CHECK(nibble_test::same_bits(p.run(cpu(pool), set), expected));
                auto over_dy = p;
                auto over_x = p;
                rms_norm_backward(cpu(pool), p.x, p.factor, epsilon, over_dy.dy, over_dy.dy, over_dy.before, set);
                rms_norm_backward(cpu(pool), over_x.x, p.factor, epsilon, p.dy, over_x.x, over_x.before, set);
                for (std::size_t row = 0; row < 200; ++row) {
                    REQUIRE(nibble_test::same_bits(over_dy.dy.row(row), expected.row(row)));
                    REQUIRE(nibble_test::same_bits(over_x.x.row(row), expected.row(row)));
                }
                CHECK(nibble_test::same_bits(over_dy.before, expected.row(200)));
                CHECK(nibble_test::same_bits(over_x.before, expected.row(200)));
            }
        }
    }
}

TEST_CASE("rms_norm_backward passes NaN through its row alone") {
    problem p(3, 40, 1.0f);
    p.x(1, 7) = nibble_test::quiet_nan;
    auto const got = p.run();
    for (std::size_t c = 0; c < 40; ++c) {
        REQUIRE(std::isfinite(got(0, c)));
        REQUIRE(std::isnan(got(1, c)));
        REQUIRE(std::isfinite(got(2, c)));
    }
}

TEST_CASE("rms_norm_backward refuses shapes that disagree and takes empty ones") {
    matrix<float> x(2, 3);
    matrix<float> other(3, 2);
    matrix<float> none(4, 0);
    matrix<float> no_rows(0, 3);
    std::vector<float> factor(3, 1.0f);
    std::vector<float> short_one(2, 1.0f);
    auto const refuses = Catch::Matchers::MessageMatches(
        Catch::Matchers::ContainsSubstring("rms_norm_backward got x of 2 x 3 elements"));
    CHECK_THROWS_MATCHES(rms_norm_backward(cpu{}, x, factor, epsilon, other, x, factor), nibble::error, refuses);
    CHECK_THROWS_MATCHES(rms_norm_backward(cpu{}, x, factor, epsilon, x, other, factor), nibble::error, refuses);
    CHECK_THROWS_MATCHES(rms_norm_backward(cpu{}, x, short_one, epsilon, x, x, factor), nibble::error, refuses);
    CHECK_THROWS_MATCHES(rms_norm_backward(cpu{}, x, factor, epsilon, x, x, short_one), nibble::error, refuses);
    CHECK_NOTHROW(rms_norm_backward(cpu{}, none, {}, epsilon, none, none, {}));
    rms_norm_backward(cpu{}, no_rows, factor, epsilon, no_rows, no_rows, factor);
    CHECK(factor == std::vector<float>(3, 1.0f));
}
