// SPDX-License-Identifier: Apache-2.0
#include <nibble/numeric/tanh.hpp>

#include "ulp.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cmath>
#include <cstdint>
#include <limits>

using nibble_test::from_bits;
using nibble_test::infinity;
using nibble_test::quiet_nan;
using nibble_test::to_bits;

static_assert(nibble::tanh(infinity) == 1.0f);
static_assert(nibble::tanh(-infinity) == -1.0f);
static_assert(nibble::tanh(20.0f) == 1.0f);
static_assert(nibble::tanh(quiet_nan) != nibble::tanh(quiet_nan));

TEST_CASE("tanh is within 1.4 ulp from 2^-20 to 16") {
    auto const f = [](float x) { return nibble::tanh(x); };
    auto const exact = [](long double x) { return std::tanh(x); };
    CHECK(nibble_test::largest_error(0x35800000u, 0x41800000u, 101, f, exact) < 1.4);
}

TEST_CASE("tanh is odd in every bit, at most 1, and keeps small arguments, subnormals and the sign of zero") {
    for (std::uint32_t bits = 0; bits <= 0x7f800000u; bits += 10007) {
        float const y = nibble::tanh(from_bits(bits));
        REQUIRE(to_bits(nibble::tanh(from_bits(bits | 0x80000000u))) == (to_bits(y) | 0x80000000u));
        REQUIRE(y <= 1.0f);
        REQUIRE((bits >= 0x39800000u || to_bits(y) == bits));
    }
    CHECK(to_bits(nibble::tanh(-0.0f)) == 0x80000000u);
    CHECK(to_bits(nibble::tanh(from_bits(1))) == 1u);
}

TEST_CASE("tanh in a constant has the bits of tanh at run time") {
    constexpr float constants[] = {nibble::tanh(0.1f), nibble::tanh(-0.7f), nibble::tanh(3.3f), nibble::tanh(-8.9f)};
    float const arguments[] = {0.1f, -0.7f, 3.3f, -8.9f};
    for (int i = 0; i < 4; ++i) {
        float const volatile x = arguments[i];
        CHECK(to_bits(nibble::tanh(x)) == to_bits(constants[i]));
    }
}

TEST_CASE("tanh gives the same bits on every compiler and machine") {
    CHECK(nibble_test::fingerprint([](float x) { return nibble::tanh(x); }) == 0xe02fe5d91a790099u);
}
