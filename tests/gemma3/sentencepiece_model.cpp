// SPDX-License-Identifier: Apache-2.0
#include <nibble/gemma3/sentencepiece_model.hpp>

#include <catch2/catch_test_macros.hpp>

#include <random>
#include <span>
#include <string>

namespace {

// Pieces <unk>, </s>, "a" (score 1), and a trainer_spec and normalizer_spec.
std::string const tiny("\x0a\x09\x0a\x05<unk>\x18\x02"
                       "\x0a\x08\x0a\x04</s>\x18\x03"
                       "\x0a\x08\x0a\x01"
                       "a\x15\x00\x00\x80\x3f"
                       "\x12\x06\xc8\x02\x01\xd0\x02\x01"
                       "\x1a\x02\x18\x00",
                       43);

nibble::vocabulary parse(std::string const& s) {
    return nibble::parse_sentencepiece_model(std::as_bytes(std::span(s)));
}

}  // namespace

TEST_CASE("pieces, scores, kinds, ids and flags are read", "[gemma3]") {
    auto const words = parse(tiny);
    REQUIRE(words.size() == 3);
    CHECK(words.piece(2) == "a");
    CHECK(words.score(2) == 1.0f);
    CHECK(words.kind(0) == nibble::token_kind::unknown);
    CHECK(words.options().bos == 1u);
    CHECK(words.options().eos == 1u);
    CHECK_FALSE(words.options().pad.has_value());
    CHECK_FALSE(words.options().add_space_prefix);
}

TEST_CASE("P1: prefixes and mutated bytes give a value or an error", "[gemma3]") {
    auto const survives = [](std::string const& s) {
        try {
            return parse(s).size() > 0;
        } catch (nibble::error const& e) {
            return std::string(e.what()).size() > 10;
        }
    };
    for (std::size_t n = 0; n < tiny.size(); ++n) {
        REQUIRE(survives(tiny.substr(0, n)));
    }
    std::mt19937 random(2);
    for (int round = 0; round < 20000; ++round) {
        auto s = tiny;
        for (auto n = 1 + random() % 3; n > 0; --n) {
            s[random() % s.size()] = static_cast<char>(random() % 256);
        }
        REQUIRE(survives(s));
    }
}
