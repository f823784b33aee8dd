// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/gemma3/byte_vocabulary.hpp>
#include <nibble/gemma3/tokenizer.hpp>
#include <nibble/gemma3/vocabulary.hpp>
#include <nibble/numeric/error.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <queue>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace nibble::gemma3 {

namespace detail {

/// f(word) for each word of a text whose spaces are U+2581: a run of one white-space character, or a run of others with
/// the one space before it. Words end after 32 characters, so that none is dear. Broken UTF-8 and NUL, which are left
/// to the byte pieces, belong to no word.
template <class F>
void for_each_word(std::string_view text, F const& f) {
    constexpr std::size_t most = 32;
    constexpr auto space = nibble::detail::space_mark;
    auto const character = [&](std::size_t at) -> std::string_view {
        if (at >= text.size() || text[at] == '\0') {
            return {};
        }
        auto const front = nibble::detail::front_of_utf8(text.substr(at));
        return front.valid ? text.substr(at, front.bytes) : std::string_view();
    };
    auto const blank = [&](std::string_view c) { return c == space || c == "\n" || c == "\t" || c == "\r"; };
    for (std::size_t begin = 0; begin < text.size();) {
        std::string_view last = character(begin);
        std::size_t end = begin + last.size();
        for (std::size_t count = 1; count < most && !last.empty(); ++count) {
            std::string_view const next = character(end);
            if (next.empty() || (blank(next) ? next != last : blank(last) && (last != space || count > 1))) {
                break;
            }
            if (next == space) {
                auto const behind = character(end + next.size());
                if (!behind.empty() && !blank(behind)) {
                    break;  // the last space of a run begins the word behind it
                }
            }
            end += next.size();
            last = next;
        }
        if (end > begin) {
            f(text.substr(begin, end - begin));
        }
        begin = (std::max)(end, begin + 1);
    }
}

/// The distinct words of a text, cut as the tokenizer cuts them with the pieces learned so far, and how often each
/// text occurs that would join two neighbours.
class piece_learner {
public:
    /// marked    text whose spaces are U+2581
    /// reserved  pieces that there are from the start
    piece_learner(std::string_view marked, vocabulary const& reserved) {
        for (auto const& piece : reserved.pieces()) {
            spellings_[intern(piece)].reserved = true;
        }
        std::unordered_map<std::string_view, std::size_t> index;
        for_each_word(marked, [&](std::string_view text) {
            auto const [at, added] = index.try_emplace(text, words_.size());
            if (added) {
                add_word(text);
            }
            ++words_[at->second].count;
        });
        for (std::uint32_t w = 0; w < words_.size(); ++w) {
            count(w);
        }
        offer_changed();
    }

    /// Makes a piece of the text that occurs most often, of equals the first in the order of bytes; nothing where none
    /// occurs twice.
    std::optional<std::string> next() {
        while (!offers_.empty()) {
            auto const best = offers_.top();
            offers_.pop();
            auto& one = spellings_[best.id];
            one.offered = 0;
            if (one.count < 2 || one.rank != none) {
                continue;
            }
            if (one.count != best.count) {
                offer(best.id);
                continue;
            }
            one.rank = learned_++;
            auto places = std::exchange(one.words, {});
            std::ranges::sort(places);
            auto const twice = std::ranges::unique(places);
            places.erase(twice.begin(), twice.end());
            for (std::uint32_t const w : places) {
                if (std::ranges::find(words_[w].pairs, best.id) != words_[w].pairs.end()) {
                    uncount(w);
                    merge(words_[w]);
                    count(w);
                }
            }
            offer_changed();
            return one.text;
        }
        return std::nullopt;
    }

private:
    static constexpr std::uint32_t none = 0xffffffffu;

    struct spelling {
        std::string text;
        bool long_character = false;       ///< one character of several bytes
        bool reserved = false;             ///< never learned
        bool changed = false;              ///< its count, since it was offered
        std::uint32_t rank = none;         ///< of a learned piece: how many came before it
        std::uint64_t count = 0;           ///< in the words as they are now
        std::uint64_t offered = 0;         ///< the most that the queue has it with
        std::vector<std::uint32_t> words;  ///< that it has been seen in; one may come twice
    };
    struct word {
        std::vector<std::uint32_t> symbols;
        std::vector<std::uint32_t> pairs;  ///< what each symbol but the last makes with the next
        std::uint64_t count = 0;           ///< in the text
    };
    struct queued {
        std::uint64_t count;
        std::uint32_t id;
        std::string const* text;
        bool operator<(queued const& other) const {
            return count < other.count || (count == other.count && *text > *other.text);
        }
    };

    std::uint32_t intern(std::string_view text) {
        auto const [at, added] = ids_.try_emplace(std::string(text), static_cast<std::uint32_t>(spellings_.size()));
        if (added) {
            spellings_.emplace_back().text = text;
        }
        return at->second;
    }

    std::uint32_t joined(std::uint32_t left, std::uint32_t right) {
        auto const [at, added] = joined_.try_emplace(std::uint64_t{left} << 32 | right, none);
        if (added) {
            at->second = intern(spellings_[left].text + spellings_[right].text);
        }
        return at->second;
    }

    void add_word(std::string_view text) {
        auto& added = words_.emplace_back();
        for (std::size_t at = 0; at < text.size();) {
            auto const bytes = nibble::detail::front_of_utf8(text.substr(at)).bytes;
            auto const id = intern(text.substr(at, bytes));
            spellings_[id].long_character = bytes > 1;
            if (!added.symbols.empty()) {
                added.pairs.push_back(joined(added.symbols.back(), id));
            }
            added.symbols.push_back(id);
            at += bytes;
        }
    }

    /// f(id) for every text that could become a piece in word `w`.
    template <class F>
    void for_each_candidate(std::uint32_t w, F const& f) {
        for (std::uint32_t const id : words_[w].symbols) {
            auto const& one = spellings_[id];
            if (one.long_character && !one.reserved && one.rank == none) {
                f(id);
            }
        }
        for (std::uint32_t const id : words_[w].pairs) {
            if (!spellings_[id].reserved) {
                f(id);
            }
        }
    }

    void count(std::uint32_t w) {
        for_each_candidate(w, [&](std::uint32_t id) {
            auto& one = spellings_[id];
            one.count += words_[w].count;
            if (one.words.empty() || one.words.back() != w) {
                one.words.push_back(w);
            }
            if (!std::exchange(one.changed, true)) {
                changed_.push_back(id);
            }
        });
    }

    void uncount(std::uint32_t w) {
        for_each_candidate(w, [&](std::uint32_t id) { spellings_[id].count -= words_[w].count; });
    }

    /// A count that falls is offered again when its turn comes.
    void offer(std::uint32_t id) {
        auto& one = spellings_[id];
        if (one.count > one.offered) {
            one.offered = one.count;
            offers_.push({one.count, id, &one.text});
        }
    }

    void offer_changed() {
        for (std::uint32_t const id : changed_) {
            spellings_[id].changed = false;
            offer(id);
        }
        changed_.clear();
    }

    /// As the tokenizer does it: the neighbours that are the earliest piece, of equals the leftmost, until none are.
    void merge(word& w) {
        auto& symbols = w.symbols;
        auto& pairs = w.pairs;
        auto const rank = [&](std::uint32_t id) { return spellings_[id].rank; };
        for (;;) {
            auto const best = std::ranges::min_element(pairs, {}, rank);
            if (best == pairs.end() || rank(*best) == none) {
                return;
            }
            auto const at = best - pairs.begin();
            auto const i = static_cast<std::size_t>(at);
            symbols[i] = *best;
            symbols.erase(symbols.begin() + at + 1);
            pairs.erase(best);
            if (i > 0) {
                pairs[i - 1] = joined(symbols[i - 1], symbols[i]);
            }
            if (i < pairs.size()) {
                pairs[i] = joined(symbols[i], symbols[i + 1]);
            }
        }
    }

    std::deque<spelling> spellings_;  // by id; references stay
    std::unordered_map<std::string, std::uint32_t> ids_;
    std::unordered_map<std::uint64_t, std::uint32_t> joined_;
    std::vector<word> words_;
    std::vector<std::uint32_t> changed_;
    std::priority_queue<queued> offers_;
    std::uint32_t learned_ = 0;
};

}  // namespace detail

/// A vocabulary of at most `size` pieces for texts like this one: the pieces of byte_vocabulary, and then, one after
/// the other, the text that occurs most often as two neighbours inside a word, or as a character of several bytes; of
/// equals the first in the order of bytes. Ends where nothing occurs twice.
///   score   −id, so that the tokenizer merges in the order of learning
///   cost    some passes over the distinct words, whatever the size: a second for 2 MB of English
///   source  Sennrich, Haddow, Birch, arXiv:1508.07909; neighbours count by the text that they would be, not by where
///           they are cut, because the tokenizer merges all that make a piece
/// Throws nibble::error for a size below that of byte_vocabulary.
inline vocabulary train_vocabulary(std::string_view text, std::size_t size) {
    auto const reserved = byte_vocabulary();
    if (size < reserved.size()) {
        throw error("A vocabulary of " + std::to_string(size) +
                    " pieces has no room for the special pieces and all bytes; ask for " +
                    std::to_string(reserved.size()) + " or more.");
    }
    auto pieces = reserved.pieces();
    detail::piece_learner learner(nibble::detail::mark_spaces(text), reserved);
    while (pieces.size() < size) {
        auto piece = learner.next();
        if (!piece) {
            break;
        }
        pieces.push_back(std::move(*piece));
    }
    std::vector<float> scores;
    std::vector<token_kind> kinds;
    for (std::uint32_t id = 0; id < pieces.size(); ++id) {
        scores.push_back(-static_cast<float>(id));
        kinds.push_back(id < reserved.size() ? reserved.kind(id) : token_kind::normal);
    }
    return {std::move(pieces), std::move(scores), std::move(kinds)};
}

}  // namespace nibble::gemma3
