// SPDX-License-Identifier: Apache-2.0
#include <nibble/gemma3/random_vocabulary.hpp>
#include <nibble/gemma3/tokenizer.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <cstdint>
#include <set>
#include <string>

using namespace nibble;

namespace {

void check_piece(vocabulary const& words, std::uint32_t id, std::string const& text, token_kind kind) {
    INFO(text);
    CHECK(words.piece(id) == text);
    CHECK(words.kind(id) == kind);
}

}  // namespace

TEST_CASE("Invented words are a space and syllables, and all differ", "[gemma3]") {
    std::string const mark = "\xe2\x96\x81";
    CHECK(gemma3::detail::invented_word(0) == mark);
    CHECK(gemma3::detail::invented_word(1) == mark + "ba");
    CHECK(gemma3::detail::invented_word(80) == mark + "zu");
    CHECK(gemma3::detail::invented_word(81) == mark + "baba");
    CHECK(gemma3::detail::invented_word(81 + 6400) == mark + "bababa");
    std::set<std::string> seen;
    for (std::uint32_t i = 0; i < 262144; ++i) {
        seen.insert(gemma3::detail::invented_word(i));
    }
    CHECK(seen.size() == 262144);
}

TEST_CASE("A random vocabulary has Gemma's special pieces where it has room for them", "[gemma3]") {
    for (std::uint32_t const size : {263u, 511u, 512u, 2048u}) {
        INFO(size);
        bool const as_gemma = size >= 512;
        auto const words = gemma3::random_vocabulary(size);
        REQUIRE(words.size() == size);
        check_piece(words, 0, "<pad>", token_kind::control);
        check_piece(words, 1, "<eos>", token_kind::control);
        check_piece(words, 2, "<bos>", token_kind::control);
        check_piece(words, 3, "<unk>", token_kind::unknown);
        check_piece(words, 4, as_gemma ? "<mask>" : "<0x00>", as_gemma ? token_kind::user_defined : token_kind::byte);
        check_piece(words, as_gemma ? 105 : 260, "<start_of_turn>", token_kind::control);
        check_piece(words, as_gemma ? 106 : 261, "<end_of_turn>", token_kind::control);
        check_piece(words, as_gemma ? 5 : 262, "\xe2\x96\x81", token_kind::normal);
        check_piece(words, as_gemma ? 238 : 4, "<0x00>", token_kind::byte);
        check_piece(words, as_gemma ? 493 : 259, "<0xFF>", token_kind::byte);
        CHECK(words.options().bos == 2u);
        CHECK(words.options().eos == 1u);
        std::set<std::string> pieces;
        for (std::uint32_t id = 0; id < size; ++id) {
            pieces.insert(words.piece(id));
            CHECK(words.score(id) == -static_cast<float>(id));
        }
        CHECK(pieces.size() == size);
    }
}

TEST_CASE("Every text comes back from a random vocabulary, by its bytes", "[gemma3]") {
    std::string every_byte;
    for (int byte = 0; byte < 256; ++byte) {
        every_byte += static_cast<char>(byte);
    }
    for (std::uint32_t const size : {263u, 2048u}) {
        tokenizer const words(gemma3::random_vocabulary(size));
        for (std::string const& text : {std::string("Why is the sky blue? ba zu"), every_byte}) {
            auto const ids = words.encode(text);
            CHECK(ids.front() == 2);
            CHECK(words.decode(ids) == text);
        }
        CHECK(words.encode("<start_of_turn>", true).size() == 2);
    }
}

TEST_CASE("P17: a vocabulary without room for all bytes is refused", "[gemma3]") {
    CHECK_THROWS_WITH(gemma3::random_vocabulary(262), Catch::Matchers::ContainsSubstring("263 or more"));
}
