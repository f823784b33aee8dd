// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/gemma3/vocabulary.hpp>
#include <nibble/io/json_position.hpp>
#include <nibble/numeric/error.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <new>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace nibble {

namespace detail {

/// Takes what a vocabulary needs out of a tokenizer.json, as a SAX handler of nlohmann::json, and skips the rest.
class tokenizer_json_reader {
public:
    json_position where{};

    [[noreturn]] void fail(std::string const& what) const {
        throw error("tokenizer.json: " + what + " at byte " + std::to_string(where.offset()) +
                    "; the file is damaged or of another kind of tokenizer");
    }

    bool null() { return skip(); }
    bool number_integer(std::int64_t) { return skip(); }
    bool number_float(double, std::string const&) { return skip(); }
    bool boolean(bool value) {
        switch (here()) {
        case slot::byte_fallback:
            byte_fallback_ = value;
            return true;
        case slot::added_special:
            added_.back().special = value;
            return true;
        default:
            return skip();
        }
    }
    bool number_unsigned(std::uint64_t value) {
        switch (here()) {
        case slot::piece_id:
            if (pieces_.size() == most_pieces || !pieces_.try_emplace(path_[2], piece{value, unmerged}).second) {
                fail("a piece too many or a second time in model.vocab");
            }
            return true;
        case slot::added_id:
            added_.back().id = value;
            return true;
        default:
            return skip();
        }
    }
    bool string(std::string& value) {
        switch (here()) {
        case slot::model_type:
            if (value != "BPE") {
                fail("a model.type other than BPE");
            }
            return is_bpe_ = true;
        case slot::normalizer_type:
            if (value == "Prepend") {
                fail("a normalizer that puts a space in front of the text, as Gemma's does not");
            }
            return true;
        case slot::added_content:
            added_.back().content = value;
            return true;
        case slot::merge: {
            auto const space = value.find(' ');
            if (space == value.npos || value.find(' ', space + 1) != value.npos) {
                fail("a merge that is not two pieces with a space between them");
            }
            return merge(value.substr(0, space), value.substr(space + 1));
        }
        case slot::merge_piece:
            pair_.push_back(value);
            return true;
        default:
            return skip();
        }
    }
    bool binary(std::vector<std::uint8_t>&) { fail("binary data"); }
    bool key(std::string& value) {
        path_.back() = value;
        return true;
    }
    bool start_object(std::size_t) {
        auto const at = here();
        if (at == slot::added_token) {
            if (added_.size() == most_pieces) {
                fail("an added token too many");
            }
            added_.emplace_back();
        }
        return enter(at == slot::top || at == slot::model || at == slot::vocab || at == slot::added_token);
    }
    bool start_array(std::size_t) {
        auto const at = here();
        pair_.clear();
        return enter(at == slot::merges || at == slot::merge || at == slot::added_tokens);
    }
    bool end_object() {
        path_.pop_back();
        if (here() == slot::added_token && (added_.back().id == no_id || added_.back().content.empty())) {
            fail("an added token without an id or a content");
        }
        return true;
    }
    bool end_array() {
        path_.pop_back();
        if (here() != slot::merge) {
            return true;
        }
        if (pair_.size() != 2) {
            fail("a merge of " + std::to_string(pair_.size()) + " pieces instead of two");
        }
        return merge(pair_[0], pair_[1]);
    }
    bool parse_error(std::size_t, std::string const&, nlohmann::json::exception const&) { fail("invalid JSON"); }

    /// The vocabulary, when everything is read.
    vocabulary finish() {
        if (!is_bpe_ || !byte_fallback_ || pieces_.empty()) {
            fail("no BPE model with byte_fallback and a vocab before the end");
        }
        for (auto const& token : added_) {
            if (pieces_.try_emplace(token.content, piece{token.id, unmerged}).first->second.id != token.id) {
                fail("two ids for the added token " + quoted(token.content) + " before the end");
            }
        }

        vocabulary_options options{find("<bos>"), find("<eos>"), find("<unk>"), find("<pad>"), true, false};
        std::vector<std::string> texts(pieces_.size());
        std::vector<float> scores(pieces_.size());
        std::vector<token_kind> kinds(pieces_.size(), token_kind{});
        while (!pieces_.empty()) {
            auto node = pieces_.extract(pieces_.begin());
            auto const [id, rank] = node.mapped();
            if (id >= texts.size() || kinds[id] != token_kind{}) {
                fail("a gap in the ids or an id twice, " + std::to_string(id) + " of " + quoted(node.key()) +
                     ", before the end");
            }
            kinds[id] = kind_of(node.key(), rank);
            scores[id] = 0.0F - static_cast<float>(rank == unmerged ? merges_ : rank);
            texts[id] = std::move(node.key());
        }
        for (auto const& token : added_) {
            kinds[token.id] = token.special ? token_kind::control : token_kind::user_defined;
        }
        for (auto const id : {options.bos, options.eos, options.pad}) {
            if (id) {
                kinds[*id] = token_kind::control;
            }
        }
        if (options.unk) {
            kinds[*options.unk] = token_kind::unknown;
        }
        return {std::move(texts), std::move(scores), std::move(kinds), options};
    }

private:
    static constexpr std::size_t most_levels = 16;
    static constexpr std::size_t most_pieces = std::size_t{1} << 20U;
    static constexpr std::uint32_t most_merges = std::uint32_t{1} << 24U;  // a float holds every rank below it
    static constexpr std::uint32_t unmerged = (std::numeric_limits<std::uint32_t>::max)();
    static constexpr std::uint64_t no_id = (std::numeric_limits<std::uint64_t>::max)();

    struct piece {
        std::uint64_t id;
        std::uint32_t rank;  // of the first merge that makes it
    };
    struct added_token {
        std::string content{};
        std::uint64_t id = no_id;
        bool special = false;
    };

    /// What the value at hand is for.
    enum class slot {
        other,
        top,              // {
        normalizer_type,  //   "normalizer": {… "type": "…"}
        added_tokens,     //   "added_tokens": [
        added_token,      //     {
        added_id,         //       "id": 0
        added_content,    //       "content": "<pad>"
        added_special,    //       "special": true
        model,            //   "model": {
        model_type,       //     "type": "BPE"
        byte_fallback,    //     "byte_fallback": true
        vocab,            //     "vocab": {
        piece_id,         //       "a": 260
        merges,           //     "merges": [
        merge,            //       "a b" or [
        merge_piece,      //         "a"
    };

    slot here() const {
        auto const depth = path_.size();
        if (depth == 0) {
            return slot::top;
        }
        if (path_[0] == "model") {
            if (depth == 1) {
                return slot::model;
            }
            if (path_[1] == "vocab") {
                return depth == 2 ? slot::vocab : slot::piece_id;
            }
            if (path_[1] == "merges") {
                return depth == 2 ? slot::merges : depth == 3 ? slot::merge : slot::merge_piece;
            }
            if (depth == 2) {
                return path_[1] == "type"            ? slot::model_type
                       : path_[1] == "byte_fallback" ? slot::byte_fallback
                                                     : slot::other;
            }
        } else if (path_[0] == "added_tokens") {
            if (depth < 3) {
                return depth == 1 ? slot::added_tokens : slot::added_token;
            }
            if (depth == 3) {
                return path_[2] == "id"        ? slot::added_id
                       : path_[2] == "content" ? slot::added_content
                       : path_[2] == "special" ? slot::added_special
                                               : slot::other;
            }
        } else if (path_[0] == "normalizer" && path_.back() == "type") {
            return slot::normalizer_type;
        }
        return slot::other;
    }

    bool skip() const {
        if (here() != slot::other) {
            fail("a value of another type than its place needs");
        }
        return true;
    }
    bool enter(bool expected) {
        if (!expected) {
            skip();
        }
        if (path_.size() == most_levels) {
            fail("objects and arrays nested too deep");
        }
        path_.emplace_back();
        return true;
    }
    bool merge(std::string const& left, std::string const& right) {
        auto const whole = pieces_.find(left + right);
        if (whole == pieces_.end() || !pieces_.contains(left) || !pieces_.contains(right)) {
            fail("a merge with a piece that model.vocab, which comes first, does not have");
        }
        if (merges_ == most_merges) {
            fail("a merge too many");
        }
        whole->second.rank = (std::min)(whole->second.rank, merges_++);
        return true;
    }
    std::optional<std::uint32_t> find(std::string const& text) const {
        auto const at = pieces_.find(text);
        return at == pieces_.end() ? std::nullopt : std::optional(static_cast<std::uint32_t>(at->second.id));
    }
    static token_kind kind_of(std::string const& text, std::uint32_t rank) {
        if (vocabulary::byte_of(text)) {
            return token_kind::byte;
        }
        auto const characters = std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; });
        return rank == unmerged && characters > 1 ? token_kind::unused : token_kind::normal;
    }
    static std::string quoted(std::string const& text) { return "'" + text.substr(0, 80) + "'"; }

    std::vector<std::string> path_;  // of each object and array around `where` the key at hand, "" for an array
    std::unordered_map<std::string, piece> pieces_;
    std::vector<added_token> added_;
    std::vector<std::string> pair_;
    std::uint32_t merges_ = 0;
    bool is_bpe_ = false, byte_fallback_ = false;
};

}  // namespace detail

/// The vocabulary in the bytes of a Hugging Face `tokenizer.json` of the kind that Gemma has: a BPE model over
/// characters with byte fallback.
///   score   minus the rank of the first merge that makes the piece, so that the best score merges first as the lowest
///           rank does; a piece that no merge makes gets minus the number of merges
///   kind    special added tokens are control, other added tokens user-defined, `<unk>` is unknown, `<0xHH>` a byte.
///           A piece of several characters that no merge makes is unused: text never gives it
///   same ids as the file's own tokenizer where the merges hold every split of a piece into two pieces, one piece after
///           the other, as those made from a SentencePiece model do. Of overlapping pairs that make the same piece
///           the left one merges, as in SentencePiece, not the one whose merge stands first
///   error   any bytes give a value or a nibble::error with a byte offset. Ids that leave a gap, merges before the
///           vocab, another model and a normalizer that prepends a space are refused. `single_word`, `lstrip`, `rstrip`
///           and `normalized` of added tokens are not read
///   cost    memory is linear in the bytes
inline vocabulary parse_tokenizer_json(std::span<std::byte const> bytes) {
    constexpr std::size_t token_bytes = 65'536;
    try {
        detail::tokenizer_json_reader reader;
        parse_json({reinterpret_cast<char const*>(bytes.data()), bytes.size()}, token_bytes, reader);
        return reader.finish();
    } catch (std::bad_alloc const&) {
        throw error("tokenizer.json: no memory for the pieces of " + std::to_string(bytes.size()) +
                    " bytes from byte 0; free memory or use the right file");
    }
}

}  // namespace nibble
