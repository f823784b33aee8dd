// SPDX-License-Identifier: Apache-2.0
#include <nibble/numeric/bf16.hpp>

#include <catch2/catch_test_macros.hpp>

#include <bit>
#include <cmath>
#include <cstdint>

using nibble::bf16;

static_assert(bf16(1.0f).bits == 0x3f80);
static_assert(static_cast<float>(bf16::from_bits(0x8000)) == 0.0f);
static_assert(sizeof(bf16) == 2);

TEST_CASE("every bf16 converts to f32 exactly and back to itself", "[numeric]") {
    for (unsigned bits = 0; bits < 0x10000; ++bits) {
        auto const b = bf16::from_bits(static_cast<std::uint16_t>(bits));
        auto const x = static_cast<float>(b);
        REQUIRE(std::bit_cast<std::uint32_t>(x) == bits << 16);
        REQUIRE(bf16(x).bits == (std::isnan(x) ? bits | 0x40u : bits));
    }
}

TEST_CASE("f32 rounds to the nearest bf16, ties to even, for every upper half", "[numeric]") {
    for (std::uint32_t bits = 0; bits < 0x7f80; ++bits) {
        auto const rounded = [&](std::uint32_t low) { return bf16(std::bit_cast<float>(bits << 16 | low)).bits; };
        REQUIRE(rounded(0x7fff) == bits);
        REQUIRE(rounded(0x8000) == bits + (bits & 1));
        REQUIRE(rounded(0x8001) == bits + 1);
    }
    CHECK(std::isnan(static_cast<float>(bf16(std::bit_cast<float>(0x7f800001u)))));
    CHECK(std::isinf(static_cast<float>(bf16(3.4e38f))));
}
