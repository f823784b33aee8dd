// SPDX-License-Identifier: Apache-2.0
#include <nibble/numeric/rounding.hpp>

#include <nibble/numeric/bf16.hpp>
#include <nibble/numeric/f16.hpp>

#include <catch2/catch_test_macros.hpp>

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

using namespace nibble;

static_assert(rounding_mode<round_to_nearest_even> && rounding_mode<truncate_after_adding<8>>);
static_assert(round_to_nearest_even::round(2.5f) == 2.0f && round_to_nearest_even::round(-3.5f) == -4.0f);
static_assert(round_to_nearest_away::round(2.5f) == 3.0f && round_to_nearest_away::round(-2.5f) == -3.0f);
static_assert(round_half_up::round(-2.5f) == -2.0f && round_half_up::round(0.49999997f) == 0.0f);
static_assert(round_toward_zero::round(-2.7f) == -2.0f && round_up::round(2.1f) == 3.0f);
static_assert(round_half_down::round(2.5f) == 2.0f && round_half_down::round(-2.5f) == -3.0f);
static_assert(round_half_to_zero::round(3.5f) == 3.0f && round_half_to_zero::round(-3.5f) == -3.0f);
static_assert(round_half_odd::round(2.5f) == 3.0f && round_half_odd::round(-0.5f) == -1.0f);
static_assert(round_away_from_zero::round(2.1f) == 3.0f && round_away_from_zero::round(-2.1f) == -3.0f);
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

namespace {

/// f = floor(x), and how its fraction compares with 1/2: −1 below, 0 a tie, 1 above. Exact: a float that is no integer
/// is below 2^23, and so 2x and 2f + 1 are doubles.
struct split {
    explicit split(float x) : f(std::floor(static_cast<double>(x))), is_integer(f == static_cast<double>(x)) {
        double const twice = 2 * static_cast<double>(x);
        half = is_integer || twice < 2 * f + 1 ? -1 : twice == 2 * f + 1 ? 0 : 1;
    }

    /// The nearest integer, where a tie goes up if `tie_up`.
    [[nodiscard]] double nearest(bool tie_up) const { return half > 0 || (half == 0 && tie_up) ? f + 1 : f; }
    [[nodiscard]] bool odd() const { return std::fmod(f, 2.0) != 0; }

    double f;
    bool is_integer;
    int half = 0;
};

void check_all_modes(float x) {
    split const s(x);
    bool const positive = x > 0;
    double const ceiling = s.is_integer ? s.f : s.f + 1;
    REQUIRE(static_cast<double>(round_to_nearest_even::round(x)) == s.nearest(s.odd()));
    REQUIRE(static_cast<double>(round_half_odd::round(x)) == s.nearest(!s.odd()));
    REQUIRE(static_cast<double>(round_to_nearest_away::round(x)) == s.nearest(positive));
    REQUIRE(static_cast<double>(round_half_to_zero::round(x)) == s.nearest(!positive));
    REQUIRE(static_cast<double>(round_half_up::round(x)) == s.nearest(true));
    REQUIRE(static_cast<double>(round_half_down::round(x)) == s.nearest(false));
    REQUIRE(static_cast<double>(round_down::round(x)) == s.f);
    REQUIRE(static_cast<double>(round_up::round(x)) == ceiling);
    REQUIRE(static_cast<double>(round_toward_zero::round(x)) == (positive ? s.f : ceiling));
    REQUIRE(static_cast<double>(round_away_from_zero::round(x)) == (positive ? ceiling : s.f));
}

void check_with_neighbours(float x) {
    constexpr float infinity = std::numeric_limits<float>::infinity();
    check_all_modes(x);
    check_all_modes(std::nextafter(x, infinity));
    check_all_modes(std::nextafter(x, -infinity));
}

}  // namespace

TEST_CASE("the ten modes are their definitions for every finite bf16 and f16", "[numeric]") {
    for (unsigned bits = 0; bits < 0x10000; ++bits) {
        auto const a = static_cast<float>(bf16::from_bits(static_cast<std::uint16_t>(bits)));
        auto const b = static_cast<float>(f16::from_bits(static_cast<std::uint16_t>(bits)));
        for (float const x : {a, b}) {
            if (std::isfinite(x)) {
                check_all_modes(x);
            }
        }
    }
}

TEST_CASE("the ten modes are their definitions at ties, integers and the floats next to them", "[numeric]") {
    for (int i = -3000; i <= 3000; ++i) {
        check_with_neighbours(static_cast<float>(i));
        check_with_neighbours(static_cast<float>(i) + 0.5f);
    }
    for (int exponent = 11; exponent <= 24; ++exponent) {  // the last ties, at 2^22, and the integers beyond
        for (int i = -40; i <= 40; ++i) {
            float const x = std::ldexp(1.0f, exponent) + static_cast<float>(i) * 0.5f;
            check_with_neighbours(x);
            check_with_neighbours(-x);
        }
    }
}

TEST_CASE("the modes keep infinities and NaN", "[numeric]") {
    constexpr float infinity = std::numeric_limits<float>::infinity();
    auto const check = [](auto mode) {
        CHECK(mode.round(infinity) == infinity);
        CHECK(mode.round(-infinity) == -infinity);
        CHECK(std::isnan(mode.round(std::numeric_limits<float>::quiet_NaN())));
    };
    check(round_to_nearest_even{});
    check(round_to_nearest_away{});
    check(round_half_up{});
    check(round_half_down{});
    check(round_half_to_zero{});
    check(round_half_odd{});
    check(round_down{});
    check(round_up{});
    check(round_toward_zero{});
    check(round_away_from_zero{});
}
