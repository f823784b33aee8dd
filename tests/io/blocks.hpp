// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <random>

template <class Block>
using block_bytes = std::array<std::byte, Block::bytes>;

template <class Block>
block_bytes<Block> random_block(unsigned seed) {
    std::mt19937 random(seed);
    block_bytes<Block> block;
    for (std::byte& b : block) {
        b = static_cast<std::byte>(random() & 255u);
    }
    return block;
}

template <class Block>
void copy_codes(std::byte const* from, std::byte* to) {
    std::array<std::uint8_t, Block::count> codes;
    Block::codes(from, codes);
    Block::set_codes(to, codes);
}
