// SPDX-License-Identifier: Apache-2.0
#include <nibble/numeric/exp.hpp>

#include "ulp.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cmath>
#include <cstdint>
#include <limits>

using nibble_test::from_bits;
using nibble_test::infinity;
using nibble_test::quiet_nan;
using nibble_test::to_bits;

static_assert(nibble::exp(0.0f) == 1.0f);
static_assert(nibble::exp(-0.0f) == 1.0f);
static_assert(nibble::exp(1.0f) == 0x1.5bf0a8p1f);
static_assert(nibble::exp(infinity) == infinity);
static_assert(nibble::exp(-infinity) == 0.0f);
static_assert(nibble::exp(quiet_nan) != nibble::exp(quiet_nan));

TEST_CASE("exp is within 1.02 ulp from 2^-27 to 88.72, both signs, subnormal results included") {
    auto const f = [](float x) { return nibble::exp(x); };
    auto const exact = [](long double x) { return std::exp(x); };
    CHECK(nibble_test::largest_error(0x32000000u, 0x42b17218u, 101, f, exact) < 1.02);
    CHECK(nibble_test::largest_error(0xb2000000u, 0xc2d20000u, 101, f, exact) < 1.02);
}

TEST_CASE("exp of a tiny argument is 1") {
    for (std::uint32_t bits = 0; bits < 0x32800000u; bits += 100003) {
        REQUIRE(nibble::exp(from_bits(bits)) == 1.0f);
        REQUIRE(nibble::exp(from_bits(bits | 0x80000000u)) == 1.0f);
    }
}

TEST_CASE("exp overflows to infinity just above ln of the largest float") {
    CHECK(std::isfinite(nibble::exp(from_bits(0x42b17217u))));
    CHECK(nibble::exp(from_bits(0x42b17218u)) == infinity);
    CHECK(nibble::exp(89.0f) == infinity);
    CHECK(nibble::exp(std::numeric_limits<float>::max()) == infinity);
}

TEST_CASE("exp underflows through the subnormals to zero") {
    CHECK(to_bits(nibble::exp(-103.9f)) == 1u);
    CHECK(to_bits(nibble::exp(-103.98f)) == 0u);
    CHECK(to_bits(nibble::exp(-104.5f)) == 0u);
    CHECK(to_bits(nibble::exp(std::numeric_limits<float>::lowest())) == 0u);
    CHECK(std::fpclassify(nibble::exp(-87.5f)) == FP_SUBNORMAL);
}

TEST_CASE("exp in a constant has the bits of exp at run time") {
    constexpr float constants[] = {nibble::exp(0.1f), nibble::exp(-3.7f), nibble::exp(88.7f), nibble::exp(-100.3f)};
    float const arguments[] = {0.1f, -3.7f, 88.7f, -100.3f};
    for (int i = 0; i < 4; ++i) {
        float const volatile x = arguments[i];
        CHECK(to_bits(nibble::exp(x)) == to_bits(constants[i]));
    }
}

TEST_CASE("exp gives the same bits on every compiler and machine") {
    CHECK(nibble_test::fingerprint([](float x) { return nibble::exp(x); }) == 0xd3fad46ec9ee1488u);
}
