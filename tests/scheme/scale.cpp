// SPDX-License-Identifier: Apache-2.0
#include <nibble/numeric/e8m0.hpp>
#include <nibble/scheme/scale.hpp>

#include <catch2/catch_test_macros.hpp>

#include <cmath>

using namespace nibble;

static_assert(absmax_over_qmax::scale({-14.0f, 7.0f, -14.0f}, -8, 7) == 2.0f);
static_assert(absmax_over_half_range::scale({-15.0f, 7.0f, -15.0f}, -8, 7) == 2.0f);
static_assert(signed_extreme::scale({-1.0f, 8.0f, 8.0f}, -8, 7) == -1.0f);
static_assert(min_max::scale({-1.0f, 14.0f, 14.0f}, 0, 15) == 1.0f);
static_assert(power_of_two_above::scale({0.0f, 7.0f, 7.0f}, -8, 7) == 1.0f);
static_assert(power_of_two_above::scale({0.0f, 7.1f, 7.1f}, -8, 7) == 2.0f);

TEST_CASE("P8: the step of the widest range is finite", "[scheme]") {
    float const most = 3.4028235e38f;
    CHECK(std::isfinite(min_max::scale({-most, most, -most}, 0, 15)));
    CHECK(std::isfinite(min_max::scale({-most, most, -most}, 0, 255)));
}

TEST_CASE("the power of two above a scale is stored by e8m0 exactly and is less than twice the scale", "[scheme]") {
    for (float x = 1e-37f; x < 1e37f; x *= 1.37f) {
        float const s = absmax_over_qmax::scale({0, x, x}, -7, 7);
        float const p = power_of_two_above::scale({0, x, x}, -7, 7);
        REQUIRE(static_cast<float>(e8m0(p)) == p);
        REQUIRE(p >= s);
        REQUIRE(p < 2 * s);
    }
}
