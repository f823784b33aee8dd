// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/numeric/error.hpp>
#include <nibble/numeric/random.hpp>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <string>

namespace nibble {

namespace detail {

/// Number `index` of a shuffled 0 … count − 1: a bijection of [0, count), chosen by (seed, epoch).
///   formula  a Feistel network on 2 h bits, the fewest with 4^h ≥ count and h ≥ 1, walked until the value is below
///            count: (l, r) ← (r, l ⊕ f_i(r)) for i = 0 … 7, f_i(r) the low h bits of
///            random_bits({seed, epoch, 0xffffff00 + i}, r); epoch counts modulo 2^32
///   note     the walk ends, since it is a cycle through `index`; it takes at most four networks on the average
///   source   Black, Rogaway, "Ciphers with Arbitrary Finite Domains", CT-RSA 2002, section 3
constexpr std::uint64_t shuffled(std::uint64_t seed, std::uint64_t epoch, std::uint64_t count, std::uint64_t index) {
    int const half = (std::max)((static_cast<int>(std::bit_width(count - 1)) + 1) / 2, 1);
    std::uint64_t const mask = (std::uint64_t{1} << half) - 1;
    do {
        std::uint64_t left = index >> half, right = index & mask;
        for (std::uint32_t round = 0; round < 8; ++round) {
            random_key const key{
                .seed = seed, .step = static_cast<std::uint32_t>(epoch), .tensor = 0xffffff00u + round};
            std::uint64_t const next = left ^ (random_bits(key, right) & mask);
            left = right;
            right = next;
        }
        index = left << half | right;
    } while (index >= count);
    return index;
}

}  // namespace detail

/// Where the training windows of a token stream begin, a pure function of (seed, step, slot): nothing to save but the
/// step. A window has length + 1 tokens, each of which but the first is predicted; it shares one token with the next
/// of the text, so that an epoch predicts every token but the first of the stream. The last window is moved back to end
/// with the text, and shares what that takes with the one before it.
///   formula  p = step · batch + slot, epoch e = p div n, w = detail::shuffled(seed, e, n, p mod n),
///            begin = min(w · length, tokens − length − 1), with n = ceil((tokens − 1) / length) windows in an epoch
class token_order {
public:
    /// tokens  in the stream
    /// length  tokens that a window predicts
    /// batch   windows of a step
    /// Throws nibble::error for a stream without a whole window, and for a length or batch of 0.
    token_order(std::uint64_t seed, std::uint64_t tokens, std::uint64_t length, std::uint64_t batch)
        : seed_(seed), tokens_(tokens), length_(length), batch_(batch) {
        if (length == 0 || batch == 0) {
            throw error("Training got windows of " + std::to_string(length) + " tokens, " + std::to_string(batch) +
                        " a step; give one or more of each.");
        }
        if (tokens <= length) {
            throw error("The text has " + std::to_string(tokens) + " tokens, fewer than a window of " +
                        std::to_string(length) + " and the one before it; give a longer text or shorter windows.");
        }
    }

    /// Windows of an epoch.
    std::uint64_t windows() const { return (tokens_ - 2) / length_ + 1; }

    /// The first token of a window, slot < batch.
    std::uint64_t operator()(std::uint64_t step, std::uint64_t slot) const {
        std::uint64_t const place = step * batch_ + slot;
        std::uint64_t const window = detail::shuffled(seed_, place / windows(), windows(), place % windows());
        return (std::min)(window * length_, tokens_ - length_ - 1);
    }

private:
    std::uint64_t seed_, tokens_, length_, batch_;
};

}  // namespace nibble
