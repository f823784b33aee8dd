// SPDX-License-Identifier: Apache-2.0
#include <nibble/numeric/fma.hpp>

#include <nibble/numeric/random.hpp>

#include <catch2/catch_test_macros.hpp>

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

namespace {

float from_bits(std::uint32_t bits) { return std::bit_cast<float>(bits); }

bool same(float x, float y) {
    return (std::isnan(x) && std::isnan(y)) || std::bit_cast<std::uint32_t>(x) == std::bit_cast<std::uint32_t>(y);
}

bool agrees(float a, float b, float c) { return same(nibble::detail::software_fma(a, b, c), __builtin_fmaf(a, b, c)); }

constexpr float infinity = std::numeric_limits<float>::infinity();

constexpr std::uint32_t edges[] = {
    0x00000000u,  // 0
    0x00000001u,  // smallest subnormal
    0x00000002u, 0x00000003u, 0x00400000u,
    0x007fffffu,  // largest subnormal
    0x00800000u,  // smallest normal
    0x00800001u, 0x00ffffffu, 0x01000000u, 0x20000000u, 0x33000000u, 0x337fffffu, 0x33800000u, 0x33800001u, 0x34000000u,
    0x3effffffu, 0x3f000000u, 0x3f7fffffu,
    0x3f800000u,  // 1
    0x3f800001u, 0x3fffffffu, 0x40000000u, 0x4b000000u, 0x4b7fffffu, 0x4b800000u, 0x5f000000u, 0x7effffffu, 0x7f000000u,
    0x7f7fffffu,  // largest
    0x7f800000u,  // infinity
    0x7fc00000u,  // NaN
};

}  // namespace

// 1/3 · 3 − 1: the product's rounding error, visible only when it's rounded once.
static_assert(nibble::fma(0x1.555556p-2f, 3.0f, -1.0f) == 0x1p-25f);
static_assert(nibble::fma(0x1p-100f, 0x1p-49f, 0.0f) == 0x1p-149f);
static_assert(nibble::fma(0x1p-100f, 0x1p-50f, 0.0f) == 0.0f);
static_assert(nibble::fma(0x1.fffffep127f, 2.0f, -0x1.fffffep127f) == 0x1.fffffep127f);
static_assert(nibble::fma(0x1.fffffep127f, 2.0f, 0.0f) == infinity);
static_assert(std::bit_cast<std::uint32_t>(nibble::fma(-1.0f, 0.0f, -0.0f)) == 0x80000000u);
static_assert(std::bit_cast<std::uint32_t>(nibble::fma(1.0f, 0.0f, -0.0f)) == 0u);
static_assert(std::bit_cast<std::uint32_t>(nibble::fma(2.0f, 3.0f, -6.0f)) == 0u);

TEST_CASE("software fma equals the machine's on every triple of edge values") {
    int wrong = 0;
    for (std::uint32_t a : edges) {
        for (std::uint32_t b : edges) {
            for (std::uint32_t c : edges) {
                for (std::uint32_t signs = 0; signs < 8; ++signs) {
                    wrong += agrees(from_bits(a | (signs << 31)), from_bits(b | ((signs & 2u) << 30)),
                                    from_bits(c | ((signs & 4u) << 29)))
                                 ? 0
                                 : 1;
                }
            }
        }
    }
    CHECK(wrong == 0);
}

TEST_CASE("software fma equals the machine's on a million triples of random bits") {
    int wrong = 0;
    for (std::uint64_t i = 0; i < 1000000; ++i) {
        nibble::philox_block const x = nibble::random_block({1, 0, 0}, i);
        wrong += agrees(from_bits(x.words[0]), from_bits(x.words[1]), from_bits(x.words[2])) ? 0 : 1;
    }
    CHECK(wrong == 0);
}

TEST_CASE("software fma equals the machine's where sum and product nearly cancel or straddle a rounding boundary") {
    int wrong = 0;
    for (std::uint64_t i = 0; i < 2000000; ++i) {
        nibble::philox_block const x = nibble::random_block({2, 0, 0}, i);
        float const a = from_bits(x.words[0] & 0xbfffffffu);  // |a| < 2
        float const b = from_bits((x.words[1] & 0x807fffffu) | 0x3f800000u);
        float const product = a * b;
        // An addend within 64 binades and a few ulp of the product, or of a half ulp of it.
        std::uint32_t const near = std::bit_cast<std::uint32_t>(-product) + (x.words[2] & 7u);
        std::uint32_t const shifted = near + (((x.words[2] >> 8) & 63u) << 23);
        wrong += agrees(a, b, from_bits(near)) ? 0 : 1;
        wrong += agrees(a, b, from_bits(shifted)) ? 0 : 1;
        wrong += agrees(a, b, from_bits(shifted & 0xff800000u)) ? 0 : 1;
    }
    CHECK(wrong == 0);
}
