// SPDX-License-Identifier: Apache-2.0
#include <nibble/gemma3/train_vocabulary.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <random>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

using namespace nibble;

namespace {

std::string const mark = "\xe2\x96\x81";

std::vector<std::string> words_of(std::string_view text) {
    std::vector<std::string> words;
    gemma3::detail::for_each_word(nibble::detail::mark_spaces(text),
                                  [&](std::string_view w) { words.emplace_back(w); });
    return words;
}

std::vector<std::string> learned(vocabulary const& words) {
    return {words.pieces().begin() + 263, words.pieces().end()};
}

/// Random words of a few letters, so that pairs are frequent and often equally so.
std::string random_text(unsigned seed, std::size_t words, std::string_view letters) {
    std::mt19937 random(seed);
    std::string text;
    for (std::size_t i = 0; i < words; ++i) {
        for (auto n = 1 + random() % 7; n > 0; --n) {
            text += letters[random() % (1 + random() % letters.size())];
        }
        text += random() % 8 == 0 ? "  " : " ";
    }
    return text;
}

/// The most frequent neighbours of the words, cut by the tokenizer itself; of equals the first in the order of bytes.
std::string best_join(std::vector<std::string> const& words, vocabulary const& so_far) {
    tokenizer const cut(so_far);
    std::map<std::string, int> counts;
    for (auto const& word : words) {
        std::vector<std::uint32_t> ids;
        cut.append(ids, word);
        for (std::size_t i = 1; i < ids.size(); ++i) {
            ++counts[nibble::detail::mark_spaces(cut.text_of(ids[i - 1]) + cut.text_of(ids[i]))];
        }
    }
    std::string best;
    int most = 1;
    for (auto const& [text, count] : counts) {
        if (count > most) {
            most = count;
            best = text;
        }
    }
    return best;
}

}  // namespace

TEST_CASE("A word is a run of characters with the space before it, or a run of one white-space character", "[gemma3]") {
    using list = std::vector<std::string>;
    CHECK(words_of("one two\n\n\tthree ") == list{"one", mark + "two", "\n\n", "\t", "three", mark});
    CHECK(words_of("    four") == list{mark + mark + mark, mark + "four"});
    CHECK(words_of("  \n a") == list{mark + mark, "\n", mark + "a"});
    CHECK(words_of(std::string("a\0b\xff\xc3\xa9", 6)) == list{"a", "b", "\xc3\xa9"});
    CHECK(words_of(std::string(40, 'x')) == list{std::string(32, 'x'), std::string(8, 'x')});
    CHECK(words_of("").empty());
}

TEST_CASE("Frequent neighbours become pieces first, and of equals the first in the order of bytes", "[gemma3]") {
    // low low lowest: lo 3, ow 3, then low 3; es 1.
    CHECK(learned(gemma3::train_vocabulary("low\nlow\nlowest", 300)) == std::vector<std::string>{"lo", "low"});
    CHECK(learned(gemma3::train_vocabulary("ba\nba\nab\nab\nab", 300)) == std::vector<std::string>{"ab", "ba"});
    CHECK(learned(gemma3::train_vocabulary("ba\nba\nab\nab", 300)) == std::vector<std::string>{"ab", "ba"});
    // Two ways to the same text count together: abc is a + bc twice and ab + c never, once bc is a piece.
    CHECK(learned(gemma3::train_vocabulary("abc\nabc\nbc", 300)) == std::vector<std::string>{"bc", "abc"});
    CHECK(learned(gemma3::train_vocabulary("\xc3\xa9\n\xc3\xa9", 300)) == std::vector<std::string>{"\xc3\xa9"});
    CHECK(learned(gemma3::train_vocabulary("the the the", 264)) == std::vector<std::string>{"he"});
    CHECK(learned(gemma3::train_vocabulary("", 300)).empty());
}

TEST_CASE("Every piece is the most frequent join of the text as the tokenizer cuts it", "[gemma3]") {
    for (unsigned const seed : {1u, 2u, 3u}) {
        auto const text = random_text(seed, 150, seed == 3 ? "ab" : "abcdef");
        auto const words = words_of(text);
        auto const trained = gemma3::train_vocabulary(text, 320);
        REQUIRE(trained.size() > 290);
        for (std::size_t size = 263; size < trained.size(); ++size) {
            REQUIRE(best_join(words, trained.first(size)) == trained.piece(static_cast<std::uint32_t>(size)));
        }
        if (trained.size() < 320) {
            CHECK(best_join(words, trained).empty());
        }
    }
}

TEST_CASE("A learned vocabulary gives the text back in fewer ids than bytes", "[gemma3]") {
    std::string const text = random_text(7, 4000, "etaoinshr") + "<bos> <0x41>\xff\xc3\xa9\n\n\n";
    std::size_t before = text.size() + 1;
    for (std::size_t const size : {280u, 400u, 1000u}) {
        tokenizer const words(gemma3::train_vocabulary(text, size));
        REQUIRE(words.vocabulary().size() == size);
        auto const ids = words.encode(text);
        CHECK(ids.size() < before);
        CHECK(words.decode(ids) == text);
        CHECK(words.decode(words.encode("zzz \x80 zebra")) == "zzz \x80 zebra");
        before = ids.size();
    }
}

TEST_CASE("A word that occurs twice is one id, given pieces enough", "[gemma3]") {
    std::string const once = " the quick brown fox jumps over a lazy dog";
    tokenizer const words(gemma3::train_vocabulary(once + once, 1000));
    CHECK(words.encode(once).size() == 1 + 9);
}

TEST_CASE("A learned vocabulary has the pieces of the byte vocabulary in front and no text twice", "[gemma3]") {
    std::string text;
    for (int i = 0; i < 50; ++i) {
        text += "<bos> <0x41> <start_of_turn>user\n";
    }
    auto const words = gemma3::train_vocabulary(text, 2000);
    auto const bytes = gemma3::byte_vocabulary();
    CHECK(words.size() < 2000);
    CHECK(std::set<std::string>(words.pieces().begin(), words.pieces().end()).size() == words.size());
    for (std::uint32_t id = 0; id < words.size(); ++id) {
        CHECK(words.score(id) == -static_cast<float>(id));
        CHECK((words.kind(id) == (id < bytes.size() ? bytes.kind(id) : token_kind::normal)));
        if (id < bytes.size()) {
            CHECK(words.piece(id) == bytes.piece(id));
        }
    }
    tokenizer const cut(words);
    CHECK(cut.decode(cut.encode(text)) == text);
    CHECK(gemma3::train_vocabulary(text, 270).pieces() == words.first(270).pieces());
}

TEST_CASE("P17: a vocabulary to learn without room for all bytes is refused", "[gemma3]") {
    CHECK_THROWS_WITH(gemma3::train_vocabulary("text", 262), Catch::Matchers::ContainsSubstring("263 or more"));
}
