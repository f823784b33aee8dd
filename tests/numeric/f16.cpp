// SPDX-License-Identifier: Apache-2.0
#include <nibble/numeric/f16.hpp>

#include <catch2/catch_test_macros.hpp>

#include <cmath>
#include <cstdint>
#include <limits>

using nibble::f16;

static_assert(f16(1.0f).bits == 0x3c00);
static_assert(f16(65504.0f).bits == 0x7bff);
static_assert(f16(65519.996f).bits == 0x7bff);
static_assert(f16(65520.0f).bits == 0x7c00);
static_assert(f16(-0.0f).bits == 0x8000);
static_assert(sizeof(f16) == 2);

namespace {

/// The value of a half by its definition, in double.
double value_of(std::uint16_t h) {
    int const exponent = (h >> 10) & 31;
    double const mantissa = h & 1023;
    double const magnitude = exponent == 0 ? std::ldexp(mantissa, -24) : std::ldexp(1024.0 + mantissa, exponent - 25);
    return (h & 0x8000) != 0 ? -magnitude : magnitude;
}

}  // namespace

TEST_CASE("every f16 converts to f32 exactly and back to itself", "[numeric]") {
    for (unsigned bits = 0; bits < 0x10000; ++bits) {
        auto const h = f16::from_bits(static_cast<std::uint16_t>(bits));
        auto const x = static_cast<float>(h);
        if ((bits & 0x7c00) == 0x7c00) {
            if ((bits & 0x3ff) != 0) {
                CHECK(std::isnan(x));
                CHECK(f16(x).bits == ((bits & 0x8000) | 0x7e00));
            } else {
                CHECK(std::isinf(x));
                CHECK(f16(x) == h);
            }
            continue;
        }
        REQUIRE(static_cast<double>(x) == value_of(h.bits));
        REQUIRE(std::signbit(x) == ((bits & 0x8000) != 0));
        REQUIRE(f16(x) == h);
    }
}

TEST_CASE("f32 rounds to the nearest f16, ties to even, around every boundary between two halves", "[numeric]") {
    for (unsigned bits = 0; bits < 0x7bff; ++bits) {
        auto const low = static_cast<std::uint16_t>(bits);
        auto const high = static_cast<std::uint16_t>(bits + 1);
        auto const middle = static_cast<float>((value_of(low) + value_of(high)) / 2);  // exact in f32
        REQUIRE(f16(middle).bits == ((bits & 1) != 0 ? high : low));
        REQUIRE(f16(std::nextafter(middle, 0.0f)).bits == low);
        REQUIRE(f16(std::nextafter(middle, 1e9f)).bits == high);
        REQUIRE(f16(-middle).bits == (((bits & 1) != 0 ? high : low) | 0x8000));
    }
    CHECK(f16(std::numeric_limits<float>::denorm_min()).bits == 0);
    CHECK(f16(std::numeric_limits<float>::max()).bits == 0x7c00);
}
