// SPDX-License-Identifier: Apache-2.0
#include <nibble/nn/rope.hpp>
#include <nibble/tensor/thread_pool.hpp>

#include <catch2/catch_test_macros.hpp>
#include <nn/layers.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>

using nibble::cpu;
using nibble::matrix;
using nibble::rotation;
using nibble_test::unit_roundoff;

TEST_CASE("a rotation holds the cosine and sine of p · base^(−2i / D) / factor, rounded to float") {
    std::size_t const first = 131000;
    rotation const angles(first, 3, 128, 1e6, 8.0);
    for (std::size_t t = 0; t < 3; ++t) {
        for (std::size_t i = 0; i < 64; ++i) {
            long double const power = std::pow(1e6L, -2.0L * static_cast<long double>(i) / 128.0L);
            long double const angle = static_cast<long double>(first + t) * power / 8;
            // Half an ulp of a float below 1, and the error of a double angle below 2^15.
            double const bound = unit_roundoff / 2 + 0x1p-36;
            REQUIRE(std::fabs(static_cast<double>(angles.cosines(t)[i] - std::cos(angle))) <= bound);
            REQUIRE(std::fabs(static_cast<double>(angles.sines(t)[i] - std::sin(angle))) <= bound);
        }
    }
}

TEST_CASE("rotate turns the pairs (i, i + D / 2) of each head by the angles of its position") {
    for (std::size_t const dim : {2u, 6u, 32u, 80u, 256u}) {
        CAPTURE(dim);
        std::size_t const first = 1000;
        auto const x = nibble_test::random_matrix(5, 3 * dim, 4.0f);
        auto y = x;
        rotate(cpu{}, y, rotation(first, 5, dim, 1e4));
        double worst = 0;
        for (std::size_t t = 0; t < 5; ++t) {
            for (std::size_t i = 0; i < 3 * dim; ++i) {
                if (i % dim >= dim / 2) {
                    continue;
                }
                double const exponent = -2.0 * static_cast<double>(i % dim) / static_cast<double>(dim);
                double const angle = static_cast<double>(first + t) * std::pow(1e4, exponent);
                double const a = static_cast<double>(x(t, i));
                double const b = static_cast<double>(x(t, i + dim / 2));
                double const bound = 3.01 * unit_roundoff * (std::fabs(a) + std::fabs(b));
                double const c = std::cos(angle);
                double const s = std::sin(angle);
                worst = std::max(worst, std::fabs(static_cast<double>(y(t, i)) - (a * c - b * s)) / bound);
                worst = std::max(worst, std::fabs(static_cast<double>(y(t, i + dim / 2)) - (b * c + a * s)) / bound);
            }
        }
        CHECK(worst <= 1);
    }
}

TEST_CASE("position 0 stays as it is") {
    auto const x = nibble_test::random_matrix(1, 64, 4.0f);
    auto y = x;
    rotate(cpu{}, y, rotation(0, 1, 64, 1e4));
    CHECK(y == x);
}

TEST_CASE("rotate has the bits of its formula on every instruction set, in any batch and for 1 to 8 threads") {
    for (std::size_t const dim : {2u, 48u, 80u, 256u}) {
        CAPTURE(dim);
        auto const x = nibble_test::random_matrix(64, 4 * dim, 4.0f);
        rotation const angles(7, 64, dim, 1e6, 8.0);
        auto expected = x;
        for (std::size_t t = 0; t < 64; ++t) {
            for (std::size_t i = 0; i < 4 * dim; ++i) {
                if (i % dim < dim / 2) {
                    float const c = angles.cosines(t)[i % dim];
                    float const s = angles.sines(t)[i % dim];
                    float const second = x(t, i + dim / 2) * s;
                    float const first = x(t, i) * s;
                    expected(t, i) = std::fma(x(t, i), c, -second);
                    expected(t, i + dim / 2) = std::fma(x(t, i + dim / 2), c, first);
                }
            }
        }
        for (auto const set : supported_sets()) {
            CAPTURE(static_cast<int>(set));
            for (std::size_t threads = 1; threads <= 8; ++threads) {
                nibble::thread_pool pool(threads);
                auto y = x;
                rotate(cpu(pool), y, angles, set);
                CHECK(nibble_test::same_bits(y, expected));
            }
            matrix<float> alone(1, 4 * dim);
            std::copy_n(x.row(41).data(), 4 * dim, alone.data());
            rotate(cpu{}, alone, rotation(7 + 41, 1, dim, 1e6, 8.0), set);
            CHECK(nibble_test::same_bits(alone.row(0), expected.row(41)));
        }
    }
}

TEST_CASE("odd heads, a base or factor that is not positive, and shapes that disagree are refused") {
    CHECK_THROWS_AS(rotation(0, 1, 7, 1e4), nibble::error);
    CHECK_THROWS_AS(rotation(0, 1, 8, 0.0), nibble::error);
    CHECK_THROWS_AS(rotation(0, 1, 8, 1e4, 0.0), nibble::error);
    matrix<float> x(2, 24);
    CHECK_THROWS_AS(rotate(cpu{}, x, rotation(0, 3, 8, 1e4)), nibble::error);
    CHECK_THROWS_AS(rotate(cpu{}, x, rotation(0, 2, 16, 1e4)), nibble::error);
    matrix<float> none(0, 24);
    CHECK_NOTHROW(rotate(cpu{}, none, rotation(0, 0, 8, 1e4)));
}
