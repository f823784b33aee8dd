// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/gemma3/vocabulary.hpp>
#include <nibble/numeric/error.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace nibble::gemma3 {

namespace detail {

/// Word number `index`: U+2581 and the syllables of the bijective numeral of base 80, so that all words differ; word 0
/// is the mark alone.
inline std::string invented_word(std::uint32_t index) {
    constexpr std::string_view consonants = "bdfghjklmnprstvz";
    constexpr std::string_view vowels = "aeiou";
    constexpr auto base = static_cast<std::uint32_t>(consonants.size() * vowels.size());
    std::string word = "\xe2\x96\x81";
    for (std::uint32_t left = index; left != 0; left = (left - 1) / base) {
        std::uint32_t const syllable = (left - 1) % base;
        word += consonants[syllable / vowels.size()];
        word += vowels[syllable % vowels.size()];
    }
    return word;
}

}  // namespace detail

/// A vocabulary for models of random weights, whose texts look like words. Every text comes back from its ids: a space
/// is a piece, all else falls apart into bytes.
///   ids    `<pad>` 0, `<eos>` 1, `<bos>` 2, `<unk>` 3; from 512 pieces on also Gemma's `<mask>` 4, the two marks of
///          turns 105 and 106, and bytes from 238; below that bytes from 4, then the marks of turns; words elsewhere
///   score  −id
/// Throws nibble::error for less than 263 pieces: four special, two for turns, 256 bytes and the space.
inline vocabulary random_vocabulary(std::uint32_t size) {
    constexpr std::uint32_t least = 263;
    if (size < least) {
        throw error("A vocabulary of " + std::to_string(size) + " pieces has no room for the special pieces and all " +
                    "bytes; ask for " + std::to_string(least) + " or more.");
    }
    std::vector<std::string> pieces(size);
    std::vector<float> scores(size);
    std::vector<token_kind> kinds(size, token_kind::normal);
    auto const put = [&](std::uint32_t id, std::string text, token_kind kind) {
        pieces[id] = std::move(text);
        kinds[id] = kind;
    };
    bool const as_gemma = size >= 512;
    std::uint32_t const first_byte = as_gemma ? 238 : 4;
    std::uint32_t const first_turn = as_gemma ? 105 : first_byte + 256;
    put(0, "<pad>", token_kind::control);
    put(1, "<eos>", token_kind::control);
    put(2, "<bos>", token_kind::control);
    put(3, "<unk>", token_kind::unknown);
    if (as_gemma) {
        put(4, "<mask>", token_kind::user_defined);
    }
    put(first_turn, "<start_of_turn>", token_kind::control);
    put(first_turn + 1, "<end_of_turn>", token_kind::control);
    for (std::uint32_t byte = 0; byte < 256; ++byte) {
        put(first_byte + byte, vocabulary::byte_piece(static_cast<std::uint8_t>(byte)), token_kind::byte);
    }
    std::uint32_t words = 0;
    for (std::uint32_t id = 0; id < size; ++id) {
        scores[id] = -static_cast<float>(id);
        if (pieces[id].empty()) {
            pieces[id] = detail::invented_word(words++);
        }
    }
    return {std::move(pieces), std::move(scores), std::move(kinds)};
}

}  // namespace nibble::gemma3
