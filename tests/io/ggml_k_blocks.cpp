// SPDX-License-Identifier: Apache-2.0
#include <nibble/io/ggml_k_blocks.hpp>

#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <io/blocks.hpp>
#include <tuple>
#include <utility>
#include <vector>

using namespace nibble;

namespace {

template <class Block>
concept with_offsets = requires(std::byte const* b) { Block::super_offset(b); };

template <class Block>
void copy_scales(std::byte const* from, std::byte* to) {
    for (std::size_t g = 0; g < Block::groups; ++g) {
        Block::set_fine_scale(to, g, Block::fine_scale(from, g));
        if constexpr (with_offsets<Block>) {
            Block::set_fine_offset(to, g, Block::fine_offset(from, g));
        }
    }
    Block::set_super_scale(to, Block::super_scale(from));
    if constexpr (with_offsets<Block>) {
        Block::set_super_offset(to, Block::super_offset(from));
    }
}

/// Bytes of a block of zeros after `set`, those that are not zero as (index, value).
template <class Block, class Set>
std::vector<std::pair<std::size_t, unsigned>> placed(Set set) {
    block_bytes<Block> block{};
    set(block.data());
    std::vector<std::pair<std::size_t, unsigned>> result;
    for (std::size_t i = 0; i < block.size(); ++i) {
        if (block[i] != std::byte{}) {
            result.emplace_back(i, static_cast<unsigned>(block[i]));
        }
    }
    return result;
}

template <class Block>
std::vector<std::pair<std::size_t, unsigned>> placed_code(std::size_t e, std::uint8_t code) {
    return placed<Block>([&](std::byte* block) {
        std::array<std::uint8_t, Block::count> codes{};
        codes[e] = code;
        Block::set_codes(block, codes);
    });
}

using places = std::vector<std::pair<std::size_t, unsigned>>;
using blocks = std::tuple<ggml_block_q2_k, ggml_block_q3_k, ggml_block_q4_k, ggml_block_q5_k, ggml_block_q6_k>;

}  // namespace

TEMPLATE_LIST_TEST_CASE("a K block's codes and scales are all of its bits", "[io]", blocks) {
    for (unsigned seed = 0; seed < 100; ++seed) {
        auto const source = random_block<TestType>(seed);
        auto forth = random_block<TestType>(seed + 1000);
        copy_scales<TestType>(source.data(), forth.data());
        copy_codes<TestType>(source.data(), forth.data());
        CHECK(forth == source);
        auto back = random_block<TestType>(seed + 2000);
        copy_codes<TestType>(source.data(), back.data());
        copy_scales<TestType>(source.data(), back.data());
        CHECK(back == source);
    }
}

TEMPLATE_LIST_TEST_CASE("a K block's numbers lie in the ranges of their bits", "[io]", blocks) {
    block_bytes<TestType> block;
    block.fill(std::byte{0xff});
    std::array<std::uint8_t, 256> codes;
    TestType::codes(block.data(), codes);
    for (unsigned const code : codes) {
        CHECK(code == (1u << TestType::bits) - 1u);
    }
    for (std::size_t g = 0; g < TestType::groups; ++g) {
        unsigned const fine = TestType::fine_scale(block.data(), g);
        CHECK(fine == (TestType::name == "Q6_K" ? 0x7fu : TestType::name == "Q2_K" ? 15u : 63u));  // Q6_K: −1 + 128
    }
}

TEST_CASE("codes of K blocks lie where ggml has them", "[io]") {
    // e = 128h + 32c + l with h = 1, c = 3, l = 5
    CHECK(placed_code<ggml_block_q2_k>(229, 3) == places{{16 + 32 + 5, 0xc0}});
    CHECK(placed_code<ggml_block_q3_k>(229, 3) == places{{32 + 32 + 5, 0xc0}});
    CHECK(placed_code<ggml_block_q3_k>(229, 4) == places{{5, 0x80}});
    CHECK(placed_code<ggml_block_q4_k>(229, 13) == places{{16 + 96 + 5, 0xd0}});
    CHECK(placed_code<ggml_block_q5_k>(229, 13) == places{{48 + 96 + 5, 0xd0}});
    CHECK(placed_code<ggml_block_q5_k>(229, 16) == places{{16 + 5, 0x80}});
    CHECK(placed_code<ggml_block_q6_k>(229, 13) == places{{64 + 32 + 5, 0xd0}});
    CHECK(placed_code<ggml_block_q6_k>(229, 32) == places{{128 + 32 + 5, 0x80}});
}

TEST_CASE("scales of K blocks lie where ggml has them", "[io]") {
    CHECK(placed<ggml_block_q2_k>([](std::byte* b) { ggml_block_q2_k::set_fine_scale(b, 9, 13); }) ==
          places{{9, 0x0d}});
    CHECK(placed<ggml_block_q2_k>([](std::byte* b) { ggml_block_q2_k::set_fine_offset(b, 9, 13); }) ==
          places{{9, 0xd0}});
    CHECK(placed<ggml_block_q3_k>([](std::byte* b) { ggml_block_q3_k::set_fine_scale(b, 3, 0x2d); }) ==
          places{{96 + 3, 0x0d}, {104 + 3, 0x02}});
    CHECK(placed<ggml_block_q3_k>([](std::byte* b) { ggml_block_q3_k::set_fine_scale(b, 13, 0x2d); }) ==
          places{{96 + 5, 0xd0}, {104 + 1, 0x80}});
    CHECK(placed<ggml_block_q4_k>([](std::byte* b) { ggml_block_q4_k::set_fine_scale(b, 1, 0x2d); }) ==
          places{{4 + 1, 0x2d}});
    CHECK(placed<ggml_block_q4_k>([](std::byte* b) { ggml_block_q4_k::set_fine_offset(b, 1, 0x2d); }) ==
          places{{4 + 5, 0x2d}});
    CHECK(placed<ggml_block_q4_k>([](std::byte* b) { ggml_block_q4_k::set_fine_scale(b, 6, 0x2d); }) ==
          places{{4 + 2, 0x80}, {4 + 10, 0x0d}});
    CHECK(placed<ggml_block_q5_k>([](std::byte* b) { ggml_block_q5_k::set_fine_offset(b, 6, 0x2d); }) ==
          places{{4 + 6, 0x80}, {4 + 10, 0xd0}});
    CHECK(placed<ggml_block_q6_k>([](std::byte* b) {
              for (std::size_t g = 0; g < 16; ++g) {
                  ggml_block_q6_k::set_fine_scale(b, g, g == 9 ? 125 : 128);
              }
          }) == places{{192 + 9, 0xfd}});  // −3
}

TEST_CASE("a stored minimum is an offset of the other sign", "[io]") {
    f16 const offset(-0.75f);
    CHECK(placed<ggml_block_q4_k>([&](std::byte* b) { ggml_block_q4_k::set_super_offset(b, offset); }) ==
          places{{3, 0x3a}});  // +0.75
    CHECK(placed<ggml_block_q2_k>([&](std::byte* b) { ggml_block_q2_k::set_super_offset(b, offset); }) ==
          places{{83, 0x3a}});
    block_bytes<ggml_block_q5_k> const zeros{};
    CHECK(ggml_block_q5_k::super_offset(zeros.data()) == f16(-0.0f));
}
