// SPDX-License-Identifier: Apache-2.0
#include <nibble/quantize/learned_step.hpp>
#include <nibble/scheme/compose.hpp>
#include <nibble/tensor/thread_pool.hpp>

#include <catch2/catch_test_macros.hpp>

#include <cmath>
#include <cstddef>
#include <limits>

using namespace nibble;

namespace {

matrix<float> ramp(std::size_t rows, std::size_t columns) {
    matrix<float> w(rows, columns);
    for (std::size_t i = 0; i < rows * columns; ++i) {
        w.data()[i] = (static_cast<float>(i * 37 % 101) - 50.0f) / 64.0f;
    }
    return w;
}

}  // namespace

TEST_CASE("a step of 3 bits or more begins where it clips nothing, for each group", "[quantize]") {
    using S = scheme<bits<3>, per_group<2>, learned_step<>>;  // high = 3
    matrix<float> w(2, 5);
    w(0, 0) = -1;
    w(0, 1) = 3;
    w(1, 4) = -5;  // a group of one
    auto const s = initial_step<S>(cpu{}, w);
    REQUIRE(s.rows() == 2);
    REQUIRE(s.columns() == 3);
    CHECK(s(0, 0) == 1.0f);
    CHECK(s(0, 1) == 0.0f);
    CHECK(s(1, 2) == 5.0f / 3.0f);

    auto const all = initial_step<scheme<bits<3>, per_tensor>>(cpu{}, w);
    REQUIRE(all.rows() * all.columns() == 1);
    CHECK(all(0, 0) == 5.0f / 3.0f);
}

TEST_CASE("a step of 2 bits begins at the least error of 64, and is positive", "[quantize]") {
    using S = scheme<bits<2>, per_group<35>, scale_as<float>, learned_step<>>;  // -2 to 1
    auto const w = ramp(3, 70);
    auto const s = initial_step<S>(cpu{}, w);
    for (std::size_t row = 0; row < 3; ++row) {
        for (std::size_t g = 0; g < 2; ++g) {
            auto const group = w.row(row).subspan(g * 35, 35);
            float largest = 0;
            for (float const x : group) {
                largest = std::fmax(largest, std::fabs(x));
            }
            auto const error = [&](double scale) {
                double sum = 0;
                for (float const x : group) {
                    double const code = std::fmin(std::fmax(std::nearbyint(static_cast<double>(x) / scale), -2.0), 1.0);
                    sum += (static_cast<double>(x) - code * scale) * (static_cast<double>(x) - code * scale);
                }
                return sum;
            };
            REQUIRE(s(row, g) > 0);
            for (int t = 1; t <= 64; ++t) {
                // Scales are rounded to f32, which moves a sum of 35 squares below 1 by less than 2^-18.
                CHECK(error(static_cast<double>(s(row, g))) <= error(static_cast<double>(largest) * t / 64) + 0x1p-18);
            }
        }
    }
    CHECK(initial_step<S>(cpu{}, matrix<float>(1, 35))(0, 0) == 0.0f);
}

TEST_CASE("a step that an update made too small, negative or NaN is set to the least", "[quantize]") {
    matrix<float> s(1, 4);
    s(0, 0) = -0.5f;
    s(0, 1) = 0.5f;
    s(0, 2) = std::numeric_limits<float>::quiet_NaN();
    keep_positive(s, 0.25f);
    CHECK(s(0, 0) == 0.25f);
    CHECK(s(0, 1) == 0.5f);
    CHECK(s(0, 2) == 0.25f);
    CHECK(s(0, 3) == 0.25f);
}
