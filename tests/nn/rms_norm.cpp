// SPDX-License-Identifier: Apache-2.0
#include <nibble/nn/rms_norm.hpp>
#include <nibble/tensor/thread_pool.hpp>

#include <catch2/catch_test_macros.hpp>
#include <nn/layers.hpp>
#include <numeric/ulp.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

using nibble::cpu;
using nibble::matrix;
using nibble::matrix_view;
using nibble_test::unit_roundoff;

namespace {

constexpr float epsilon = 1e-6f;

/// The formula in double, of row `row`, before the factor.
std::vector<double> normalized(matrix_view<float const> x, std::size_t row, double eps) {
    double sum = 0;
    for (float const value : x.row(row)) {
        sum += static_cast<double>(value) * static_cast<double>(value);
    }
    std::vector<double> y;
    for (float const value : x.row(row)) {
        y.push_back(static_cast<double>(value) / std::sqrt(sum / static_cast<double>(x.columns()) + eps));
    }
    return y;
}

}  // namespace

TEST_CASE("rms_norm is the formula within three roundings, for |x| from 1e-30 to 1e30") {
    for (float const size : {1e-30f, 1e-6f, 1.0f, 1e6f, 1e30f}) {
        for (float const eps : {0.0f, epsilon}) {
            for (std::size_t const columns : {1u, 7u, 16u, 100u, 640u, 5376u}) {
                CAPTURE(size, eps, columns);
                auto const x = nibble_test::random_matrix(3, columns, size);
                auto const factor = nibble_test::random_floats(columns, 2.0f, 5);
                auto const residual = nibble_test::random_matrix(3, columns, 1.0f, 9);
                matrix<float> y(3, columns);
                matrix<float> h = residual;
                rms_norm(cpu{}, x, factor, eps, y);
                add_rms_norm(cpu{}, x, factor, eps, h);
                double worst = 0;
                double worst_added = 0;
                for (std::size_t row = 0; row < 3; ++row) {
                    auto const exact = normalized(x, row, static_cast<double>(eps));
                    for (std::size_t i = 0; i < columns; ++i) {
                        double const e = exact[i] * static_cast<double>(factor[i]);
                        double const sum = e + static_cast<double>(residual(row, i));
                        double const bound = 3.01 * unit_roundoff * std::fabs(e);
                        double const added =
                            2.01 * unit_roundoff * std::fabs(e) + 1.01 * unit_roundoff * std::fabs(sum);
                        worst = std::max(worst, std::fabs(static_cast<double>(y(row, i)) - e) / (bound + 0x1p-149));
                        worst_added =
                            std::max(worst_added, std::fabs(static_cast<double>(h(row, i)) - sum) / (added + 0x1p-149));
                    }
                }
                CHECK(worst <= 1);
                CHECK(worst_added <= 1);
            }
        }
    }
}

TEST_CASE("rms_norm has the same bits on every instruction set, in place, in any batch and for 1 to 8 threads") {
    for (std::size_t const columns : {1u, 15u, 16u, 31u, 256u, 1152u}) {
        CAPTURE(columns);
        auto const x = nibble_test::random_matrix(70, columns, 3.0f);
        auto const factor = nibble_test::random_floats(columns, 2.0f, 5);
        auto const residual = nibble_test::random_matrix(70, columns, 1.0f, 9);
        matrix<float> expected(70, columns);
        matrix<float> expected_sum = residual;
        rms_norm(cpu{}, x, factor, epsilon, expected, nibble::isa::scalar);
        add_rms_norm(cpu{}, x, factor, epsilon, expected_sum, nibble::isa::scalar);
        for (auto const set : supported_sets()) {
            CAPTURE(static_cast<int>(set));
            for (std::size_t threads = 1; threads <= 8; ++threads) {
                nibble::thread_pool pool(threads);
                auto y = x;
                auto h = residual;
                rms_norm(cpu(pool), y, factor, epsilon, y, set);
                add_rms_norm(cpu(pool), x, factor, epsilon, h, set);
                CHECK(nibble_test::same_bits(y, expected));
                CHECK(nibble_test::same_bits(h, expected_sum));
            }
            matrix<float> alone(1, columns);
            rms_norm(cpu{}, {x.row(41).data(), 1, columns}, factor, epsilon, alone, set);
            CHECK(nibble_test::same_bits(alone.row(0), expected.row(41)));
        }
    }
}

TEST_CASE("rms_norm passes NaN through its row alone, keeps zeros, and makes infinity NaN") {
    auto x = nibble_test::random_matrix(4, 40, 1.0f);
    std::vector<float> const factor(40, 1.0f);
    x(1, 7) = nibble_test::quiet_nan;
    x(2, 39) = nibble_test::infinity;
    for (float& value : x.row(3)) {
        value = 0.0f;
    }
    for (auto const set : supported_sets()) {
        matrix<float> y(4, 40);
        rms_norm(cpu{}, x, factor, epsilon, y, set);
        for (std::size_t i = 0; i < 40; ++i) {
            REQUIRE(std::isfinite(y(0, i)));
            REQUIRE(std::isnan(y(1, i)));
            REQUIRE((i == 39 ? std::isnan(y(2, i)) : y(2, i) == 0.0f));
            REQUIRE(y(3, i) == 0.0f);
        }
    }
}

TEST_CASE("rms_norm refuses shapes that disagree and takes empty ones") {
    matrix<float> x(2, 3);
    matrix<float> other(3, 2);
    matrix<float> none(4, 0);
    std::vector<float> const factor(3, 1.0f);
    CHECK_THROWS_AS(rms_norm(cpu{}, x, factor, epsilon, other), nibble::error);
    CHECK_THROWS_AS(rms_norm(cpu{}, other, factor, epsilon, other), nibble::error);
    CHECK_THROWS_AS(add_rms_norm(cpu{}, x, factor, epsilon, other), nibble::error);
    CHECK_NOTHROW(rms_norm(cpu{}, none, {}, epsilon, none));
}
