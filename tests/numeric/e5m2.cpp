// SPDX-License-Identifier: Apache-2.0
#include <nibble/numeric/e5m2.hpp>

#include "small_float.hpp"

#include <nibble/numeric/f16.hpp>

#include <catch2/catch_test_macros.hpp>

#include <cstdint>

using nibble::e5m2;

static_assert(sizeof(e5m2) == 1 && e5m2().bits == 0);
static_assert(static_cast<float>(e5m2::from_bits(0x3c)) == 1.0f && static_cast<float>(e5m2::from_bits(1)) == 0x1p-16f);
static_assert(e5m2(57344.0f).bits == 0x7b && e5m2(61440.0f).bits == 0x7b && e5m2(-1e30f).bits == 0xfb);
static_assert(e5m2(nibble_test::infinity).bits == 0x7b && e5m2(-nibble_test::infinity).bits == 0xfb);
static_assert(e5m2(nibble_test::quiet_nan).bits == 0x7e && e5m2(-nibble_test::quiet_nan).bits == 0xfe);
static_assert(e5m2(0x1p-17f).bits == 0 && e5m2(0x1.8p-16f).bits == 2);  // ties between subnormals
static_assert(e5m2(0.0f) != e5m2(-0.0f));

static constexpr nibble_test::small_float_definition definition{.mantissa_bits = 2, .bias = 15, .finite = 124};

TEST_CASE("every e5m2 has the value of its definition and converts back to itself", "[numeric]") {
    nibble_test::check_values<e5m2>(definition, 0x80);
}

TEST_CASE("an e5m2 is the upper half of an f16, infinities and NaNs included", "[numeric]") {
    for (unsigned bits = 0; bits < 256; ++bits) {
        auto const x = static_cast<float>(e5m2::from_bits(static_cast<std::uint8_t>(bits)));
        auto const half = static_cast<float>(nibble::f16::from_bits(static_cast<std::uint16_t>(bits << 8)));
        CHECK(nibble_test::to_bits(x) == nibble_test::to_bits(half));
    }
}

TEST_CASE("f32 rounds to the nearest e5m2, ties to even, and saturates", "[numeric]") {
    nibble_test::check_nearest<e5m2>(definition, 0x80);
}

TEST_CASE("every NaN becomes the quiet NaN of e5m2 with the same sign", "[numeric]") {
    for (unsigned payload : {1u, 0x200000u, 0x400000u, 0x7fffffu}) {
        CHECK(e5m2(nibble_test::from_bits(0x7f800000u | payload)).bits == 0x7e);
        CHECK(e5m2(nibble_test::from_bits(0xff800000u | payload)).bits == 0xfe);
    }
}
