// SPDX-License-Identifier: Apache-2.0
#include <nibble/nn/schedule.hpp>

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numbers>

using nibble::schedule;

TEST_CASE("a schedule warms up on a line to its peak") {
    for (auto const& s : {schedule::constant(0.5, 8), schedule::cosine(0.5, 0.1, 8, 20)}) {
        CHECK(s.rate(0) == 0.0);
        for (std::uint64_t step = 1; step <= 8; ++step) {
            CHECK(s.rate(step) == static_cast<double>(step) / 16);
        }
    }
}

TEST_CASE("a constant schedule stays at its peak") {
    CHECK(schedule::constant(3e-4).rate(1) == 3e-4);
    CHECK(schedule::constant(3e-4, 10).rate(11) == 3e-4);
    CHECK(schedule::constant(3e-4, 10).rate(std::uint64_t{1} << 60) == 3e-4);
}

TEST_CASE("a cosine schedule is half a cosine from the peak to the floor, and stays there") {
    constexpr double peak = 3e-3;
    constexpr double floor = 1e-4;
    auto const s = schedule::cosine(peak, floor, 10, 1010);
    double worst = 0;
    for (std::uint64_t step = 10; step <= 1010; ++step) {
        double const done = static_cast<double>(step - 10) / 1000;
        double const exact = floor + (peak - floor) * (1 + std::cos(std::numbers::pi * done)) / 2;
        worst = std::max(worst, std::fabs(s.rate(step) - exact));
        CHECK((step == 10 || s.rate(step) < s.rate(step - 1)));
    }
    // Roundings of 2^-53 each, relative to at most the peak. The schedule: its sine has 2 and those of its argument
    // (done, π / 2, their product), so a square 10, and the sum another. The reference: 3 in the argument, which count
    // π / 2 times at most, the cosine, four operations.
    CHECK(worst <= 24 * 0x1p-53 * peak);
    CHECK(s.rate(10) == peak);
    CHECK(s.rate(1010) == floor);
    CHECK(s.rate(5000) == floor);
}

TEST_CASE("a cosine schedule without warm-up begins below its peak, and one of warm-up alone ends at its floor") {
    auto const s = schedule::cosine(1.0, 0.0, 0, 2);
    CHECK(std::fabs(s.rate(1) - 0.5) <= 8 * 0x1p-53);  // sin² of an eighth of a turn, as above
    CHECK(s.rate(2) == 0.0);
    CHECK(schedule::cosine(1.0, 0.25, 4, 4).rate(3) == 0.75);
    CHECK(schedule::cosine(1.0, 0.25, 4, 4).rate(4) == 0.25);
}

TEST_CASE("a schedule refuses a floor above its peak, numbers that are not finite and a warm-up that does not fit") {
    constexpr double nan = std::numeric_limits<double>::quiet_NaN();
    constexpr double infinity = std::numeric_limits<double>::infinity();
    for (double const wrong : {nan, infinity, -1.0}) {
        CHECK_THROWS_AS(schedule::constant(wrong), nibble::error);
        CHECK_THROWS_AS(schedule::cosine(1.0, wrong, 0, 1), nibble::error);
    }
    CHECK_THROWS_AS(schedule::cosine(1.0, 2.0, 0, 10), nibble::error);
    CHECK_THROWS_AS(schedule::cosine(1.0, 0.5, 11, 10), nibble::error);
}
