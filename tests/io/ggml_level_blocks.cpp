// SPDX-License-Identifier: Apache-2.0
#include <nibble/io/ggml_level_blocks.hpp>

#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <io/blocks.hpp>
#include <tuple>

using namespace nibble;

namespace {

template <class Block>
void copy_scales(std::byte const* from, std::byte* to) {
    for (std::size_t g = 0; g < Block::groups; ++g) {
        Block::set_scale(to, g, Block::scale(from, g));
    }
}

/// A block of zeros with code `code` at element e.
template <class Block>
block_bytes<Block> with_code(std::size_t e, std::uint8_t code) {
    block_bytes<Block> block{};
    std::array<std::uint8_t, Block::count> codes{};
    codes[e] = code;
    Block::set_codes(block.data(), codes);
    return block;
}

template <class Block>
block_bytes<Block> with_byte(std::size_t i, unsigned value) {
    block_bytes<Block> block{};
    block[i] = static_cast<std::byte>(value);
    return block;
}

using blocks = std::tuple<ggml_block_tq2_0, ggml_block_iq4_nl, ggml_block_mxfp4, ggml_block_nvfp4>;

}  // namespace

TEMPLATE_LIST_TEST_CASE("a block's codes and scales are all of its bits", "[io]", blocks) {
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

TEST_CASE("codes of level blocks lie where ggml has them", "[io]") {
    CHECK(with_code<ggml_block_tq2_0>(229, 2) == with_byte<ggml_block_tq2_0>(32 + 5, 0x80));  // 229 = 128 + 3 · 32 + 5
    CHECK(with_code<ggml_block_iq4_nl>(5, 13) == with_byte<ggml_block_iq4_nl>(2 + 5, 0x0d));
    CHECK(with_code<ggml_block_iq4_nl>(21, 13) == with_byte<ggml_block_iq4_nl>(2 + 5, 0xd0));
    CHECK(with_code<ggml_block_mxfp4>(21, 13) == with_byte<ggml_block_mxfp4>(1 + 5, 0xd0));
    CHECK(with_code<ggml_block_nvfp4>(37, 13) == with_byte<ggml_block_nvfp4>(4 + 16 + 5, 0x0d));  // 37 = 2 · 16 + 5
    CHECK(with_code<ggml_block_nvfp4>(45, 13) == with_byte<ggml_block_nvfp4>(4 + 16 + 5, 0xd0));
}

TEST_CASE("scales of level blocks lie where ggml has them", "[io]") {
    auto tq2_0 = with_byte<ggml_block_tq2_0>(65, 0x3c);
    CHECK(ggml_block_tq2_0::scale(tq2_0.data(), 0) == f16(1.0f));
    auto iq4_nl = with_byte<ggml_block_iq4_nl>(1, 0x3c);
    CHECK(ggml_block_iq4_nl::scale(iq4_nl.data(), 0) == f16(1.0f));
    auto mxfp4 = with_byte<ggml_block_mxfp4>(0, 127);
    CHECK(ggml_block_mxfp4::scale(mxfp4.data(), 0) == e8m0(1.0f));
    auto nvfp4 = with_byte<ggml_block_nvfp4>(2, 0x38);
    CHECK(ggml_block_nvfp4::scale(nvfp4.data(), 2) == e4m3(1.0f));
}
