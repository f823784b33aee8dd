// SPDX-License-Identifier: Apache-2.0
#include <nibble/numeric/random.hpp>

#include <catch2/catch_test_macros.hpp>

#include <cstdint>

using nibble::philox4x32;
using nibble::philox_block;
using nibble::random_bits;
using nibble::random_block;
using nibble::random_key;

// Random123 1.14.0, tests/kat_vectors, lines "philox4x32 10".
static_assert(philox4x32({{0, 0, 0, 0}}, 0, 0) == philox_block{{0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u}});
static_assert(philox4x32({{0xffffffffu, 0xffffffffu, 0xffffffffu, 0xffffffffu}}, 0xffffffffu, 0xffffffffu) ==
              philox_block{{0x408f276du, 0x41c83b0eu, 0xa20bc7c6u, 0x6d5451fdu}});
static_assert(philox4x32({{0x243f6a88u, 0x85a308d3u, 0x13198a2eu, 0x03707344u}}, 0xa4093822u, 0x299f31d0u) ==
              philox_block{{0xd16cfe09u, 0x94fdccebu, 0x5001e420u, 0x24126ea1u}});

// The layout of the counter is part of the contract: seed, step, tensor and a 64-bit element reach Philox as published.
static_assert(random_bits({0x299f31d0a4093822u, 0x03707344u, 0x13198a2eu}, 3) ==
              philox4x32({{0, 0, 0x13198a2eu, 0x03707344u}}, 0xa4093822u, 0x299f31d0u).words[3]);
static_assert(random_block({0x299f31d0a4093822u, 0x03707344u, 0x13198a2eu}, 0x85a308d3243f6a88u) ==
              philox_block{{0xd16cfe09u, 0x94fdccebu, 0x5001e420u, 0x24126ea1u}});

TEST_CASE("random bits at run time equal those of a constant expression") {
    constexpr std::uint32_t constant = random_bits({1, 2, 3}, 4);
    std::uint32_t const volatile one = 1;
    CHECK(random_bits({one, one + 1, one + 2}, one + 3) == constant);
}

TEST_CASE("each of seed, step, tensor and the high half of element changes the bits") {
    std::uint32_t const base = random_bits({7, 7, 7}, 7);
    CHECK(base != random_bits({8, 7, 7}, 7));
    CHECK(base != random_bits({7 + (std::uint64_t{1} << 32), 7, 7}, 7));
    CHECK(base != random_bits({7, 8, 7}, 7));
    CHECK(base != random_bits({7, 7, 8}, 7));
    CHECK(base != random_bits({7, 7, 7}, 8));
    CHECK(base != random_bits({7, 7, 7}, 7 + (std::uint64_t{1} << 34)));
    CHECK(base != random_bits({7, 7, 7}, 7 + (std::uint64_t{1} << 63)));
}

TEST_CASE("a block holds the bits of its four elements") {
    random_key const key{0x0123456789abcdefu, 10, 20};
    for (std::uint64_t block : {std::uint64_t{0}, std::uint64_t{5}, std::uint64_t{1} << 40}) {
        for (unsigned word = 0; word < 4; ++word) {
            CHECK(random_bits(key, 4 * block + word) == random_block(key, block).words[word]);
        }
    }
}

TEST_CASE("each of the 32 bits is set about half of the time") {
    constexpr int count = 1 << 16;
    int set[32] = {};
    for (std::uint64_t element = 0; element < count; ++element) {
        std::uint32_t const bits = random_bits({42, 1, 2}, element);
        for (unsigned bit = 0; bit < 32; ++bit) {
            set[bit] += static_cast<int>((bits >> bit) & 1u);
        }
    }
    for (int ones : set) {
        CHECK(ones > count / 2 - 640);  // 5 standard deviations of 128
        CHECK(ones < count / 2 + 640);
    }
}
