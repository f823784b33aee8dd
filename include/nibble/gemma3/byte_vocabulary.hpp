// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/gemma3/vocabulary.hpp>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace nibble::gemma3 {

/// A vocabulary that needs no file: every byte of a text is one id.
///   ids    `<pad>` 0, `<eos>` 1, `<bos>` 2, `<unk>` 3, byte b 4 + b, `<start_of_turn>` 260, `<end_of_turn>` 261, the
///          space 262
///   score  −id
///   note   the space has a normal piece because the tokenizer makes it U+2581, which would fall apart into three
///          bytes; `<0x20>` therefore never comes from text. U+2581 in a text is a space, as in every vocabulary
///          of SentencePiece, and so the one sequence of bytes that does not come back.
inline vocabulary byte_vocabulary() {
    std::vector<std::string> pieces{"<pad>", "<eos>", "<bos>", "<unk>"};
    std::vector<token_kind> kinds(3, token_kind::control);
    kinds.push_back(token_kind::unknown);
    auto const add = [&](std::string piece, token_kind kind) {
        pieces.push_back(std::move(piece));
        kinds.push_back(kind);
    };
    for (unsigned byte = 0; byte < 256; ++byte) {
        add(vocabulary::byte_piece(static_cast<std::uint8_t>(byte)), token_kind::byte);
    }
    add("<start_of_turn>", token_kind::control);
    add("<end_of_turn>", token_kind::control);
    add("\xe2\x96\x81", token_kind::normal);
    std::vector<float> scores;
    for (std::uint32_t id = 0; id < pieces.size(); ++id) {
        scores.push_back(-static_cast<float>(id));
    }
    return {std::move(pieces), std::move(scores), std::move(kinds)};
}

}  // namespace nibble::gemma3
