// SPDX-License-Identifier: Apache-2.0
#include <nibble/numeric/e2m1.hpp>

#include "small_float.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cstdint>

using nibble::e2m1;

static_assert(sizeof(e2m1) == 1 && e2m1().bits == 0);
static_assert(static_cast<float>(e2m1::from_bits(1)) == 0.5f && static_cast<float>(e2m1::from_bits(15)) == -6.0f);
static_assert(e2m1(2.5f).bits == 4 && e2m1(3.5f).bits == 6 && e2m1(5.0f).bits == 6);  // ties to the even code
static_assert(e2m1(0.25f).bits == 0 && e2m1(0.75f).bits == 2 && e2m1(-0.25f).bits == 8);
static_assert(e2m1(1e30f).bits == 7 && e2m1(-nibble_test::infinity).bits == 15);
static_assert(e2m1(nibble_test::quiet_nan).bits == 0 && e2m1(-nibble_test::quiet_nan).bits == 0);
static_assert(e2m1(0.0f) != e2m1(-0.0f));

static constexpr nibble_test::small_float_definition definition{.mantissa_bits = 1, .bias = 1, .finite = 8};

TEST_CASE("every e2m1 has the value of its definition and converts back to itself", "[numeric]") {
    nibble_test::check_values<e2m1>(definition, 8);
    float const values[] = {0.0f, 0.5f, 1.0f, 1.5f, 2.0f, 3.0f, 4.0f, 6.0f};
    for (unsigned code = 0; code < 8; ++code) {
        CHECK(static_cast<float>(e2m1::from_bits(static_cast<std::uint8_t>(code))) == values[code]);
    }
}

TEST_CASE("e2m1 reads the low four bits of its byte", "[numeric]") {
    for (unsigned bits = 0; bits < 256; ++bits) {
        auto const x = static_cast<float>(e2m1::from_bits(static_cast<std::uint8_t>(bits)));
        auto const low = static_cast<float>(e2m1::from_bits(static_cast<std::uint8_t>(bits & 15)));
        CHECK(nibble_test::to_bits(x) == nibble_test::to_bits(low));
    }
}

TEST_CASE("f32 rounds to the nearest e2m1, ties to even, and saturates", "[numeric]") {
    nibble_test::check_nearest<e2m1>(definition, 8);
}
