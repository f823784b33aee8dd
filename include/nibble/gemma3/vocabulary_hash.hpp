// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/gemma3/vocabulary.hpp>
#include <nibble/io/xxh64.hpp>

#include <cstddef>
#include <cstdint>
#include <span>

namespace nibble::gemma3 {

/// XXH64 of everything that makes ids of a text: the pieces, their scores and kinds, and the options.
inline std::uint64_t hash_of(vocabulary const& words) {
    xxh64 hash;
    auto const add = [&](auto const& value) { hash.add(std::as_bytes(std::span(&value, 1))); };
    add(std::uint64_t{words.size()});
    for (std::uint32_t id = 0; id < words.size(); ++id) {
        auto const& piece = words.piece(id);
        add(std::uint64_t{piece.size()});
        hash.add(std::as_bytes(std::span(piece)));
        add(words.score(id));
        add(words.kind(id));
    }
    auto const& [bos, eos, unk, pad, add_bos, add_space_prefix] = words.options();
    for (auto const& id : {bos, eos, unk, pad}) {
        add(id ? std::int64_t{*id} : std::int64_t{-1});
    }
    add(std::uint8_t{add_bos});
    add(std::uint8_t{add_space_prefix});
    return hash.value();
}

}  // namespace nibble::gemma3
