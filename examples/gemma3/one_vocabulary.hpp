// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/gemma3/vocabulary.hpp>
#include <nibble/numeric/error.hpp>

#include <algorithm>
#include <cstdint>
#include <string>

namespace program {

/// The tokens of a model, as far as its files say.
struct known_tokens {
    std::uint32_t size;               ///< of the embedding
    nibble::vocabulary const* words;  ///< or none
    std::string const& path;
};

/// Throws nibble::error where two models number their tokens differently; where one has no tokenizer, only their
/// numbers count.
inline void require_one_vocabulary(known_tokens const& a, known_tokens const& b) {
    if (a.size != b.size) {
        throw nibble::error(b.path + ": the vocabulary has " + std::to_string(b.size) + " ids and that of " + a.path +
                            " " + std::to_string(a.size) + "; take models of one vocabulary.");
    }
    if (a.words == nullptr || b.words == nullptr || a.words->pieces() == b.words->pieces()) {
        return;
    }
    auto const differs = std::ranges::mismatch(a.words->pieces(), b.words->pieces()).in1 - a.words->pieces().begin();
    throw nibble::error(b.path + ": token " + std::to_string(differs) + " is another one than in " + a.path +
                        "; take models of one vocabulary.");
}

}  // namespace program
