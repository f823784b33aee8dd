// SPDX-License-Identifier: Apache-2.0
#include <nibble/numeric/rsqrt.hpp>

#include "ulp.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cmath>
#include <cstdint>
#include <limits>

using nibble_test::infinity;
using nibble_test::quiet_nan;
using nibble_test::to_bits;

static_assert(nibble::rsqrt(4.0f) == 0.5f);
static_assert(nibble::rsqrt(0x1p-148f) == 0x1p74f);
static_assert(nibble::rsqrt(0x1p-126f) == 0x1p63f);
static_assert(nibble::rsqrt(0x1p126f) == 0x1p-63f);
static_assert(nibble::rsqrt(0.0f) == infinity);
static_assert(nibble::rsqrt(-0.0f) == -infinity);
static_assert(nibble::rsqrt(infinity) == 0.0f);
static_assert(nibble::rsqrt(-1.0f) != nibble::rsqrt(-1.0f));
static_assert(nibble::rsqrt(-infinity) != nibble::rsqrt(-infinity));
static_assert(nibble::rsqrt(quiet_nan) != nibble::rsqrt(quiet_nan));

TEST_CASE("rsqrt is within 0.50001 ulp for every significand of two binades and across all exponents") {
    auto const f = [](float x) { return nibble::rsqrt(x); };
    auto const exact = [](long double x) { return 1.0L / std::sqrt(x); };
    CHECK(nibble_test::largest_error(0x3f800000u, 0x40800000u, 1, f, exact) < 0.50001);
    CHECK(nibble_test::largest_error(1u, 0x7f800000u, 1009, f, exact) < 0.50001);
}

TEST_CASE("rsqrt in a constant has the bits of rsqrt at run time") {
    constexpr float constants[] = {nibble::rsqrt(0.1f), nibble::rsqrt(3.0f), nibble::rsqrt(1e-42f),
                                   nibble::rsqrt(0x1.5f943p+1f)};
    float const arguments[] = {0.1f, 3.0f, 1e-42f, 0x1.5f943p+1f};
    for (int i = 0; i < 4; ++i) {
        float const volatile x = arguments[i];
        CHECK(to_bits(nibble::rsqrt(x)) == to_bits(constants[i]));
    }
}

TEST_CASE("rsqrt gives the same bits on every compiler and machine") {
    CHECK(nibble_test::fingerprint([](float x) { return nibble::rsqrt(x); }) == 0xfdbd5812620e1318u);
}
