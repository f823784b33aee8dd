// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/gemma3/piece_index.hpp>
#include <nibble/numeric/error.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace nibble {

/// What a piece is for; the numbers are those of SentencePiece and of GGUF's `token_type`.
enum class token_kind : std::uint8_t { normal = 1, unknown, control, user_defined, unused, byte };

/// Special ids and flags of a vocabulary; the ids are Gemma's.
struct vocabulary_options {
    std::optional<std::uint32_t> bos = 2, eos = 1, unk = 3, pad = 0;
    bool add_bos = true;
    bool add_space_prefix = false;
};

/// Pieces, scores and kinds, indexed by id, with both directions of the map.
///   error  refuses arrays of unequal length, special ids out of range, an unknown kind and byte pieces that are
///          not `<0xHH>`. Texts may repeat: the first id wins.
///   note   `<start_of_turn>` and `<end_of_turn>` become control pieces, whatever the file says: some files call them
///          normal, and then they would fall apart into seven pieces.
class vocabulary {
public:
    vocabulary(std::vector<std::string> pieces, std::vector<float> scores, std::vector<token_kind> kinds,
               vocabulary_options options = {})
        : pieces_(std::move(pieces)), scores_(std::move(scores)), kinds_(std::move(kinds)), options_(options),
          ids_(pieces_.size()) {
        if (pieces_.size() != scores_.size() || pieces_.size() != kinds_.size()) {
            throw error("vocabulary: " + std::to_string(pieces_.size()) + " pieces, " + std::to_string(scores_.size()) +
                        " scores and " + std::to_string(kinds_.size()) + " kinds; give one of each for every id");
        }
        if (pieces_.size() > 0x7fffffff) {
            throw error("vocabulary: more than 2^31 - 1 pieces; is the file damaged?");
        }
        in_range(options_.bos, "bos");
        in_range(options_.eos, "eos");
        in_range(options_.unk, "unk");
        in_range(options_.pad, "pad");
        for (std::size_t i = 0; i < pieces_.size(); ++i) {
            add(i);
        }
    }

    std::size_t size() const noexcept { return pieces_.size(); }
    std::string const& piece(std::uint32_t id) const { return pieces_[checked(id)]; }
    float score(std::uint32_t id) const { return scores_[checked(id)]; }
    token_kind kind(std::uint32_t id) const { return kinds_[checked(id)]; }
    vocabulary_options const& options() const noexcept { return options_; }

    /// The first id with this text.
    std::optional<std::uint32_t> find(std::string_view text) const { return ids_.find(pieces_, text); }

    /// The vocabulary of the first `count` ids. Throws nibble::error where a special id lies behind them.
    vocabulary first(std::size_t count) const {
        auto const part = [count](auto const& all) {
            return std::remove_cvref_t<decltype(all)>(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(count));
        };
        return {part(pieces_), part(scores_), part(kinds_), options_};
    }

    /// All texts, by id.
    std::vector<std::string> const& pieces() const noexcept { return pieces_; }

    /// The id of the byte piece for `value`.
    std::optional<std::uint32_t> byte_id(std::uint8_t value) const noexcept { return bytes_[value]; }

    /// The piece `<0xHH>` of a byte.
    static std::string byte_piece(std::uint8_t value) {
        constexpr std::string_view digits = "0123456789ABCDEF";
        return std::string("<0x") + digits[value / 16] + digits[value % 16] + '>';
    }

    /// The byte of a piece `<0xHH>`, two hexadecimal digits of either case.
    static std::optional<std::uint8_t> byte_of(std::string_view piece) noexcept {
        if (piece.size() != 6 || piece.substr(0, 3) != "<0x" || piece[5] != '>') {
            return std::nullopt;
        }
        int const high = digit(piece[3]), low = digit(piece[4]);
        if (high < 0 || low < 0) {
            return std::nullopt;
        }
        return static_cast<std::uint8_t>(high * 16 + low);
    }

private:
    static int digit(char c) noexcept {
        if (c >= '0' && c <= '9') {
            return c - '0';
        }
        if (c >= 'A' && c <= 'F') {
            return c - 'A' + 10;
        }
        if (c >= 'a' && c <= 'f') {
            return c - 'a' + 10;
        }
        return -1;
    }

    void add(std::size_t i) {
        auto const id = static_cast<std::uint32_t>(i);
        auto const& text = pieces_[i];
        if (kinds_[i] < token_kind::normal || kinds_[i] > token_kind::byte) {
            throw error("vocabulary: piece " + std::to_string(i) + " has kind " +
                        std::to_string(static_cast<int>(kinds_[i])) + "; kinds are 1 to 6");
        }
        if (text == "<start_of_turn>" || text == "<end_of_turn>") {
            kinds_[i] = token_kind::control;
        }
        ids_.add(pieces_, id);
        if (kinds_[i] != token_kind::byte) {
            return;
        }
        auto const value = byte_of(text);
        if (!value) {
            throw error("vocabulary: byte piece " + std::to_string(i) + " is not spelled <0x00> to <0xFF>");
        }
        if (!bytes_[*value]) {
            bytes_[*value] = id;
        }
    }

    void in_range(std::optional<std::uint32_t> id, char const* name) const {
        if (id && *id >= pieces_.size()) {
            throw error(std::string("vocabulary: ") + name + " id " + std::to_string(*id) + " is not below the " +
                        std::to_string(pieces_.size()) + " pieces; correct the id");
        }
    }

    std::uint32_t checked(std::uint32_t id) const {
        if (id >= pieces_.size()) {
            throw error("vocabulary: token id " + std::to_string(id) + " is not below the " +
                        std::to_string(pieces_.size()) + " pieces; is this another model's token?");
        }
        return id;
    }

    std::vector<std::string> pieces_;
    std::vector<float> scores_;
    std::vector<token_kind> kinds_;
    vocabulary_options options_;
    piece_index ids_;
    std::array<std::optional<std::uint32_t>, 256> bytes_{};
};

}  // namespace nibble
