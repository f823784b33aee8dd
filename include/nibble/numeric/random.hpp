// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/numeric/host_device.hpp>  // NIBBLE_HD

#include <cstdint>

namespace nibble {

/// Four 32-bit words: the input counter of Philox or its output.
struct philox_block {
    std::uint32_t words[4];

    friend constexpr bool operator==(philox_block const&, philox_block const&) = default;
};

/// Philox4x32-10: a bijection of the 128-bit counter, chosen by a 64-bit key.
///   source  Salmon, Moraes, Dror, Shaw, "Parallel Random Numbers: As Easy as 1, 2, 3", SC'11
NIBBLE_HD constexpr philox_block philox4x32(philox_block counter, std::uint32_t key_low, std::uint32_t key_high) {
    for (int round = 0; round < 10; ++round) {
        std::uint64_t const first = std::uint64_t{0xd2511f53u} * counter.words[0];
        std::uint64_t const second = std::uint64_t{0xcd9e8d57u} * counter.words[2];
        counter = {
            {static_cast<std::uint32_t>(second >> 32) ^ counter.words[1] ^ key_low, static_cast<std::uint32_t>(second),
             static_cast<std::uint32_t>(first >> 32) ^ counter.words[3] ^ key_high, static_cast<std::uint32_t>(first)}};
        key_low += 0x9e3779b9u;   // golden ratio
        key_high += 0xbb67ae85u;  // sqrt(3) − 1
    }
    return counter;
}

/// Names one stream of random numbers: the run's seed, the training step, the tensor's index in its model.
struct random_key {
    std::uint64_t seed = 0;
    std::uint32_t step = 0;
    std::uint32_t tensor = 0;

    friend constexpr bool operator==(random_key const&, random_key const&) = default;
};

/// The words of elements 4·block … 4·block + 3; for callers that walk a row.
///   counter  (block low, block high, tensor, step), key = seed: distinct inputs never share a counter
NIBBLE_HD constexpr philox_block random_block(random_key key, std::uint64_t block) {
    return philox4x32(
        {{static_cast<std::uint32_t>(block), static_cast<std::uint32_t>(block >> 32), key.tensor, key.step}},
        static_cast<std::uint32_t>(key.seed), static_cast<std::uint32_t>(key.seed >> 32));
}

/// 32 uniform bits, a pure function of (seed, step, tensor, element): no state, any order, any launch shape.
NIBBLE_HD constexpr std::uint32_t random_bits(random_key key, std::uint64_t element) {
    return random_block(key, element / 4).words[element % 4];
}

}  // namespace nibble
