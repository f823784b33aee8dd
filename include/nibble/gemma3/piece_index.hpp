// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nibble {

/// From the text of a piece to its id. Keeps ids only and looks texts up in the pieces that each call is given, so that
/// 262,144 pieces take 2 MiB: open addressing, at most half full.
class piece_index {
public:
    /// Room for `count` ids.
    explicit piece_index(std::size_t count = 0) : slots_(std::bit_ceil(2 * count + 1), none) {}

    /// Adds an id, unless its text has one already. No more than `count` may be added.
    void add(std::vector<std::string> const& pieces, std::uint32_t id) {
        std::uint32_t& slot = slots_[slot_of(pieces, pieces[id])];
        slot = slot == none ? id : slot;
    }

    std::optional<std::uint32_t> find(std::vector<std::string> const& pieces, std::string_view text) const {
        std::uint32_t const id = slots_[slot_of(pieces, text)];
        return id == none ? std::nullopt : std::optional(id);
    }

private:
    static constexpr std::uint32_t none = 0xffffffffu;

    /// The slot of a text, or the free one where it belongs.
    std::size_t slot_of(std::vector<std::string> const& pieces, std::string_view text) const {
        std::size_t slot = std::hash<std::string_view>{}(text) & (slots_.size() - 1);
        while (slots_[slot] != none && pieces[slots_[slot]] != text) {
            slot = (slot + 1) & (slots_.size() - 1);
        }
        return slot;
    }

    std::vector<std::uint32_t> slots_;
};

}  // namespace nibble
