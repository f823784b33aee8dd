// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/io/gguf.hpp>
#include <nibble/io/xxh64.hpp>
#include <nibble/numeric/error.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace nibble {

/// The key of a checksum inside a GGUF file, a u64: XXH64 of the whole file with the eight bytes of this value taken
/// as 0, so that no byte of the file can change unseen.
inline constexpr std::string_view gguf_checksum_key = "nibble.checksum";

/// Reads all bytes of the file against its checksum; false where it has none. Throws nibble::error where they differ.
inline bool verify_checksum(gguf_file const& file) {
    auto const* stated = file.find(gguf_checksum_key);
    if (stated == nullptr) {
        return false;
    }
    if (stated->type != gguf_type::u64) {
        throw error("metadata key 'nibble.checksum' at byte " + std::to_string(stated->offset) +
                    " is not a u64; the file is damaged or of another program");
    }
    constexpr std::array<std::byte, 8> zero{};
    auto const all = file.bytes();
    auto const at = static_cast<std::size_t>(stated->offset);
    xxh64 hash;
    hash.add(all.first(at));
    hash.add(zero);
    file.source().read_once(all.subspan(at + zero.size()), [&](auto part) { hash.add(part); });
    if (hash.value() != stated->as_uint()) {
        throw error("the checksum of the file is " + std::to_string(stated->as_uint()) + ", but its bytes have " +
                    std::to_string(hash.value()) +
                    "; the file is damaged, or a program that knows no checksums wrote it from another: copy it or " +
                    "convert the model again");
    }
    return true;
}

}  // namespace nibble
