// SPDX-License-Identifier: Apache-2.0
#include <nibble/numeric/rounding.hpp>

#include <catch2/catch_test_macros.hpp>

#include <bit>
#include <cmath>
#include <cstdint>

using namespace nibble;

static_assert(rounding_mode<round_to_nearest_even> && rounding_mode<truncate_after_adding<8>>);
static_assert(round_to_nearest_even::round(2.5f) == 2.0f && round_to_nearest_even::round(-3.5f) == -4.0f);
static_assert(round_to_nearest_away::round(2.5f) == 3.0f && round_to_nearest_away::round(-2.5f) == -3.0f);
static_assert(round_half_up::round(-2.5f) == -2.0f && round_half_up::round(0.49999997f) == 0.0f);
static_assert(round_toward_zero::round(-2.7f) == -2.0f && round_up::round(2.1f) == 3.0f);
static_assert(truncate_after_adding<0>::round(0.49999997f) == 1.0f);  // the flaw that it reproduces

TEST_CASE("each mode agrees with libm where libm has it, over all exponents", "[numeric]") {
    for (std::uint64_t bits = 0; bits < 0x100000000u; bits += 4099) {
        auto const x = std::bit_cast<float>(static_cast<std::uint32_t>(bits));
        if (!std::isfinite(x)) {
            continue;
        }
        REQUIRE(round_to_nearest_even::round(x) == std::nearbyint(x));
        REQUIRE(round_to_nearest_away::round(x) == std::round(x));
        REQUIRE(round_down::round(x) == std::floor(x));
        REQUIRE(round_up::round(x) == std::ceil(x));
        REQUIRE(round_toward_zero::round(x) == std::trunc(x));
    }
}

TEST_CASE("the modes differ on ties exactly as they say", "[numeric]") {
    for (int i = -1000; i < 1000; ++i) {
        float const x = static_cast<float>(i) + 0.5f;
        auto const low = static_cast<float>(i);
        CHECK(round_to_nearest_even::round(x) == low + static_cast<float>(i & 1));
        CHECK(round_to_nearest_away::round(x) == (i >= 0 ? low + 1 : low));
        CHECK(round_half_up::round(x) == low + 1);
        CHECK(round_half_up::round(std::nextafter(x, -1e9f)) == low);
    }
}
