// SPDX-License-Identifier: Apache-2.0
#include <nibble/numeric/e4m3.hpp>

#include "small_float.hpp"

#include <catch2/catch_test_macros.hpp>

using nibble::e4m3;

static_assert(sizeof(e4m3) == 1 && e4m3().bits == 0);
static_assert(static_cast<float>(e4m3::from_bits(0x38)) == 1.0f && static_cast<float>(e4m3::from_bits(1)) == 0x1p-9f);
static_assert(e4m3(448.0f).bits == 0x7e && e4m3(464.0f).bits == 0x7e && e4m3(-1e30f).bits == 0xfe);
static_assert(e4m3(nibble_test::infinity).bits == 0x7e && e4m3(-nibble_test::infinity).bits == 0xfe);
static_assert(e4m3(nibble_test::quiet_nan).bits == 0x7f && e4m3(-nibble_test::quiet_nan).bits == 0xff);
static_assert(e4m3(0x1p-10f).bits == 0 && e4m3(0x1.8p-9f).bits == 2);  // ties between subnormals
static_assert(e4m3(0.0f) != e4m3(-0.0f));

static constexpr nibble_test::small_float_definition definition{.mantissa_bits = 3, .bias = 7, .finite = 127};

TEST_CASE("every e4m3 has the value of its definition and converts back to itself", "[numeric]") {
    nibble_test::check_values<e4m3>(definition, 0x80);
    CHECK(nibble_test::to_bits(static_cast<float>(e4m3::from_bits(0x7f))) == 0x7fc00000u);
    CHECK(nibble_test::to_bits(static_cast<float>(e4m3::from_bits(0xff))) == 0xffc00000u);
}

TEST_CASE("f32 rounds to the nearest e4m3, ties to even, and saturates", "[numeric]") {
    nibble_test::check_nearest<e4m3>(definition, 0x80);
}

TEST_CASE("every NaN becomes the NaN of e4m3", "[numeric]") {
    for (unsigned payload : {1u, 0x200000u, 0x400000u, 0x7fffffu}) {
        CHECK(e4m3(nibble_test::from_bits(0x7f800000u | payload)).bits == 0x7f);
        CHECK(e4m3(nibble_test::from_bits(0xff800000u | payload)).bits == 0xff);
    }
}
