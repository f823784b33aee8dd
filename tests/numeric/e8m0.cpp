// SPDX-License-Identifier: Apache-2.0
#include <nibble/numeric/e8m0.hpp>

#include <catch2/catch_test_macros.hpp>

#include <cmath>
#include <limits>

using nibble::e8m0;

static_assert(static_cast<float>(e8m0::from_bits(127)) == 1.0f);
static_assert(e8m0(0.0f).bits == 0 && e8m0(-3.0f).bits == 0);

TEST_CASE("every e8m0 is its power of two, and converts back to itself", "[numeric]") {
    for (int bits = 0; bits < 255; ++bits) {
        auto const e = e8m0::from_bits(static_cast<std::uint8_t>(bits));
        REQUIRE(static_cast<double>(static_cast<float>(e)) == std::ldexp(1.0, bits - 127));
        REQUIRE(e8m0(static_cast<float>(e)) == e);
    }
    CHECK(std::isnan(static_cast<float>(e8m0::from_bits(255))));
}

TEST_CASE("f32 rounds to e8m0 at 1.5 times each power of two, ties to the even code", "[numeric]") {
    for (int bits = 0; bits < 254; ++bits) {
        auto const tie = static_cast<float>(std::ldexp(1.5, bits - 127));
        REQUIRE(e8m0(tie).bits == bits + (bits & 1));
        REQUIRE(e8m0(std::nextafter(tie, 0.0f)).bits == bits);
        REQUIRE(e8m0(std::nextafter(tie, 3e38f)).bits == bits + 1);
    }
    CHECK(e8m0(std::numeric_limits<float>::max()).bits == 255);
    CHECK(e8m0(std::numeric_limits<float>::quiet_NaN()).bits == 255);
}
