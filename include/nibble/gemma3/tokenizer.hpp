// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/gemma3/piece_index.hpp>
#include <nibble/gemma3/vocabulary.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <queue>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace nibble {

namespace detail {

/// Bytes of the UTF-8 sequence at the front of `text`, cut short where it is broken; at least 1.
///   complete is false where the text ends before the sequence does.
struct utf8_front {
    std::size_t bytes;
    bool valid, complete;
};

inline utf8_front front_of_utf8(std::string_view text) noexcept {
    auto const lead = static_cast<std::uint8_t>(text[0]);
    if (lead < 0x80) {
        return {1, true, true};
    }
    std::size_t const need = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    if (lead < 0xc2 || lead > 0xf4) {
        return {1, false, true};
    }
    for (std::size_t i = 1; i < need; ++i) {
        if (i == text.size()) {
            return {i, false, false};
        }
        auto const next = static_cast<std::uint8_t>(text[i]);
        // The second byte also excludes overlong forms, surrogates and values above U+10FFFF.
        int const low = i > 1 ? 0x80 : lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
        int const high = i > 1 ? 0xbf : lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
        if (next < low || next > high) {
            return {1, false, true};
        }
    }
    return {need, true, true};
}

inline constexpr std::string_view space_mark = "\xe2\x96\x81";  // U+2581

inline std::string mark_spaces(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    for (char const c : text) {
        c == ' ' ? out.append(space_mark) : out.append(1, c);
    }
    return out;
}

inline std::string unmark_spaces(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size();) {
        bool const mark = text.substr(i, 3) == space_mark;
        out += mark ? ' ' : text[i];
        i += mark ? 3 : 1;
    }
    return out;
}

}  // namespace detail

/// Text to ids and back, as SentencePiece BPE does it: spaces become U+2581, user-defined pieces split the text
/// (leftmost, longest), and in what remains the adjacent pair with the best score merges first, ties leftmost. A symbol
/// that is no piece becomes its bytes.
///   cost    O(n log n) for n bytes of text
///   error   decode refuses ids outside the vocabulary
///   note    only normal and user-defined pieces come from text, so text never forges a control or byte piece. U+2581
///           in the text decodes as a space.
class tokenizer {
public:
    explicit tokenizer(nibble::vocabulary words) : words_(std::move(words)), mergeable_(words_.size()) {
        for (std::uint32_t id = 0; id < words_.size(); ++id) {
            auto const kind = words_.kind(id);
            auto const& text = words_.piece(id);
            if (text.empty()) {
                continue;
            }
            if (kind == token_kind::normal || kind == token_kind::user_defined) {
                mergeable_.add(words_.pieces(), id);
            }
            if (kind != token_kind::user_defined && kind != token_kind::control) {
                continue;
            }
            auto const key = detail::mark_spaces(text);
            splitting_.emplace(key, id);
            lengths_[static_cast<std::uint8_t>(key[0])].push_back(key.size());
        }
        for (auto& of_byte : lengths_) {
            std::sort(of_byte.begin(), of_byte.end(), std::greater<>{});
            of_byte.erase(std::unique(of_byte.begin(), of_byte.end()), of_byte.end());
        }
    }

    nibble::vocabulary const& vocabulary() const noexcept { return words_; }

    /// Ids of `text`, with bos in front where the vocabulary says so.
    ///   parse_special  control pieces spelled out in the text become their ids; leave off for untrusted text
    std::vector<std::uint32_t> encode(std::string_view text, bool parse_special = false) const {
        std::vector<std::uint32_t> ids;
        if (words_.options().add_bos && words_.options().bos) {
            ids.push_back(*words_.options().bos);
        }
        append(ids, text, parse_special);
        return ids;
    }

    /// Ids of `text` put behind `ids`, without bos.
    void append(std::vector<std::uint32_t>& ids, std::string_view text, bool parse_special = false) const {
        if (text.empty()) {
            return;
        }
        std::string const marked =
            detail::mark_spaces(words_.options().add_space_prefix ? " " : "").append(detail::mark_spaces(text));
        std::string_view const all = marked;
        std::size_t begin = 0;
        for (std::size_t at = 0; at < all.size();) {
            auto const [id, bytes] = split_at(all.substr(at), parse_special);
            if (bytes == 0) {
                at += detail::front_of_utf8(all.substr(at)).bytes;
                continue;
            }
            merge(ids, all.substr(begin, at - begin));
            ids.push_back(id);
            begin = at += bytes;
        }
        merge(ids, all.substr(begin));
    }

    /// The text of one id: U+2581 is a space, a byte piece its byte, control and unknown pieces nothing.
    std::string text_of(std::uint32_t id) const {
        switch (words_.kind(id)) {
        case token_kind::control:
        case token_kind::unknown:
            return {};
        case token_kind::byte:
            return std::string(1, static_cast<char>(*nibble::vocabulary::byte_of(words_.piece(id))));
        default:
            return detail::unmark_spaces(words_.piece(id));
        }
    }

    /// decode(encode(x)) = x for any bytes without U+2581, given all 256 byte pieces.
    std::string decode(std::vector<std::uint32_t> const& ids) const {
        std::string out;
        for (auto const id : ids) {
            out += text_of(id);
        }
        if (words_.options().add_space_prefix && out.starts_with(' ')) {
            out.erase(0, 1);
        }
        return out;
    }

private:
    struct symbol {
        std::size_t begin, bytes;
        std::ptrdiff_t before, after;
    };
    struct pair {
        float score;
        std::size_t left, right, bytes;
        bool operator<(pair const& other) const noexcept {
            return score < other.score || (score == other.score && left > other.left);
        }
    };

    std::pair<std::uint32_t, std::size_t> split_at(std::string_view rest, bool parse_special) const {
        for (auto const bytes : lengths_[static_cast<std::uint8_t>(rest[0])]) {
            if (bytes > rest.size()) {
                continue;
            }
            auto const at = splitting_.find(std::string(rest.substr(0, bytes)));
            if (at == splitting_.end()) {
                continue;
            }
            if (parse_special || words_.kind(at->second) == token_kind::user_defined) {
                return {at->second, bytes};
            }
        }
        return {0, 0};
    }

    void merge(std::vector<std::uint32_t>& ids, std::string_view text) const {
        std::vector<symbol> symbols;
        for (std::size_t at = 0; at < text.size();) {
            auto const front = detail::front_of_utf8(text.substr(at));
            std::size_t const bytes = front.valid ? front.bytes : 1;
            auto const index = static_cast<std::ptrdiff_t>(symbols.size());
            at += bytes;
            symbols.push_back({at - bytes, bytes, index - 1, at < text.size() ? index + 1 : -1});
        }
        std::priority_queue<pair> pairs;
        auto const offer = [&](std::ptrdiff_t left, std::ptrdiff_t right) {
            if (left < 0 || right < 0) {
                return;
            }
            auto const l = static_cast<std::size_t>(left), r = static_cast<std::size_t>(right);
            std::size_t const bytes = symbols[l].bytes + symbols[r].bytes;
            if (auto const id = mergeable_.find(words_.pieces(), text.substr(symbols[l].begin, bytes))) {
                float const score = words_.score(*id);
                pairs.push({std::isnan(score) ? -std::numeric_limits<float>::infinity() : score, l, r, bytes});
            }
        };
        for (std::size_t i = 1; i < symbols.size(); ++i) {
            offer(static_cast<std::ptrdiff_t>(i) - 1, static_cast<std::ptrdiff_t>(i));
        }
        while (!pairs.empty()) {
            auto const best = pairs.top();
            pairs.pop();
            auto& left = symbols[best.left];
            auto& right = symbols[best.right];
            // Stale once either side has merged: a merged right side has no bytes, a grown side changes the sum.
            if (left.bytes == 0 || right.bytes == 0 || left.bytes + right.bytes != best.bytes) {
                continue;
            }
            left.bytes = best.bytes;
            right.bytes = 0;
            left.after = right.after;
            if (left.after >= 0) {
                symbols[static_cast<std::size_t>(left.after)].before = static_cast<std::ptrdiff_t>(best.left);
            }
            offer(left.before, static_cast<std::ptrdiff_t>(best.left));
            offer(static_cast<std::ptrdiff_t>(best.left), left.after);
        }
        for (auto const& s : symbols) {
            if (s.bytes != 0) {
                emit(ids, text.substr(s.begin, s.bytes));
            }
        }
    }

    void emit(std::vector<std::uint32_t>& ids, std::string_view symbol_text) const {
        if (auto const id = mergeable_.find(words_.pieces(), symbol_text)) {
            ids.push_back(*id);
            return;
        }
        for (char const c : symbol_text) {
            if (auto const id = words_.byte_id(static_cast<std::uint8_t>(c))) {
                ids.push_back(*id);
            } else if (words_.options().unk) {
                ids.push_back(*words_.options().unk);
            } else {
                throw error(
                    "tokenizer: the text has a byte without a piece, and the vocabulary has no unk id to stand for it");
            }
        }
    }

    nibble::vocabulary words_;
    piece_index mergeable_;
    std::unordered_map<std::string, std::uint32_t> splitting_;
    std::array<std::vector<std::size_t>, 256> lengths_;  // bytes of the splitting pieces by first byte, longest first
};

/// Decodes ids one at a time; holds back the start of a UTF-8 sequence until its end has come.
/// Broken sequences pass unchanged. The tokenizer must outlive it.
class streaming_decoder {
public:
    explicit streaming_decoder(tokenizer const& from) : from_(&from) {}

    std::string push(std::uint32_t id) {
        held_ += from_->text_of(id);
        if (first_ && !held_.empty()) {
            if (from_->vocabulary().options().add_space_prefix && held_[0] == ' ') {
                held_.erase(0, 1);
            }
            first_ = false;
        }
        std::size_t done = 0;
        while (done < held_.size()) {
            auto const front = detail::front_of_utf8(std::string_view(held_).substr(done));
            if (!front.complete) {
                break;
            }
            done += front.bytes;
        }
        std::string out = held_.substr(0, done);
        held_.erase(0, done);
        return out;
    }

    /// What is still held, at the end of the stream.
    std::string finish() {
        first_ = true;
        return std::exchange(held_, {});
    }

private:
    tokenizer const* from_;
    std::string held_;
    bool first_ = true;
};

}  // namespace nibble
