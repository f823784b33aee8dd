// SPDX-License-Identifier: Apache-2.0
#include "through_gguf.hpp"

#include <nibble/gemma3/byte_vocabulary.hpp>
#include <nibble/gemma3/tokenizer.hpp>

#include <catch2/catch_test_macros.hpp>

#include <cstddef>
#include <cstdint>
#include <numeric>
#include <random>
#include <string>
#include <vector>

using namespace nibble;

namespace {

using ids = std::vector<std::uint32_t>;

std::string const space_mark = "\xe2\x96\x81";

std::string every_byte() {
    std::string text(256, '\0');
    std::iota(text.begin(), text.end(), '\0');
    return text;
}

}  // namespace

TEST_CASE("Every byte of a text is one id of a byte vocabulary", "[gemma3]") {
    tokenizer const words(gemma3::byte_vocabulary());
    REQUIRE(words.vocabulary().size() == 263);
    CHECK(words.encode("") == ids{2});
    CHECK(words.encode("a b\n") == ids{2, 4 + 'a', 262, 4 + 'b', 4 + '\n'});
    CHECK(words.encode("\xc3\xa9") == ids{2, 4 + 0xc3, 4 + 0xa9});
    ids wanted{2};
    for (std::uint32_t byte = 0; byte < 256; ++byte) {
        wanted.push_back(byte == ' ' ? 262 : 4 + byte);
    }
    CHECK(words.encode(every_byte()) == wanted);
    CHECK(words.encode("<start_of_turn><0x41><bos>").size() == 1 + 26);
    CHECK(words.encode("<start_of_turn>", true) == ids{2, 260});
}

TEST_CASE("Any bytes without U+2581 come back from a byte vocabulary, in one piece and streamed", "[gemma3]") {
    tokenizer const words(gemma3::byte_vocabulary());
    CHECK(words.decode(words.encode(every_byte())) == every_byte());
    std::mt19937 random(1);
    for (int round = 0; round < 200; ++round) {
        std::string text;
        while (text.size() < 64) {
            text += random() % 2 == 0 ? "  <bos>\xe2\x96\xf0\x9f"[random() % 11] : static_cast<char>(random() % 256);
            if (text.ends_with(space_mark)) {
                text.pop_back();
            }
        }
        auto const got = words.encode(text);
        REQUIRE(got.size() == 1 + text.size());
        REQUIRE(words.decode(got) == text);
        streaming_decoder stream(words);
        std::string streamed;
        for (auto const id : got) {
            streamed += stream.push(id);
        }
        REQUIRE(streamed + stream.finish() == text);
    }
    CHECK(words.decode(words.encode(space_mark)) == " ");
}

TEST_CASE("A byte vocabulary written to GGUF is read back as it was", "[gemma3]") {
    auto const words = gemma3::byte_vocabulary();
    auto const read = through_gguf(words);
    REQUIRE(read.pieces() == words.pieces());
    for (std::uint32_t id = 0; id < words.size(); ++id) {
        CHECK(read.score(id) == -static_cast<float>(id));
        CHECK(read.kind(id) == words.kind(id));
    }
    CHECK(read.options().bos == 2u);
    CHECK(read.options().eos == 1u);
    CHECK(read.options().add_bos);
    CHECK_FALSE(read.options().add_space_prefix);
    CHECK(tokenizer(read).encode(every_byte()) == tokenizer(words).encode(every_byte()));
}
