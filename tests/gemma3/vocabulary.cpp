// SPDX-License-Identifier: Apache-2.0
#include <nibble/gemma3/vocabulary.hpp>

#include <catch2/catch_test_macros.hpp>

using nibble::token_kind;
using nibble::vocabulary;

static constexpr nibble::vocabulary_options none{{}, {}, {}, {}, false, false};

TEST_CASE("the first of two equal texts wins and turn marks are control pieces", "[gemma3]") {
    vocabulary const v({"a", "a", "<end_of_turn>"}, {0, 0, 0},
                       {token_kind::normal, token_kind::normal, token_kind::normal}, none);
    CHECK(v.find("a") == 0u);
    CHECK_FALSE(v.find("b").has_value());
    CHECK(v.kind(2) == token_kind::control);
    CHECK_THROWS_AS(v.piece(3), nibble::error);
}

TEST_CASE("P1: lengths, special ids, kinds and byte pieces are checked", "[gemma3]") {
    CHECK_THROWS_AS(vocabulary({"a"}, {}, {token_kind::normal}, none), nibble::error);
    CHECK_THROWS_AS(vocabulary({"a"}, {0}, {token_kind::normal}), nibble::error);
    CHECK_THROWS_AS(vocabulary({"a"}, {0}, {static_cast<token_kind>(7)}, none), nibble::error);
    for (auto const text : {"<0x4>", "<0xG0>", "<0x041>", "0x41", "<0x+1>", ""}) {
        CHECK_THROWS_AS(vocabulary({text}, {0}, {token_kind::byte}, none), nibble::error);
    }
    CHECK(vocabulary({"<0xFf>"}, {0}, {token_kind::byte}, none).byte_id(255) == 0u);
}
