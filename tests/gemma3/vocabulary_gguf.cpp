// SPDX-License-Identifier: Apache-2.0
#include "through_gguf.hpp"

#include <nibble/gemma3/random_vocabulary.hpp>

#include <catch2/catch_test_macros.hpp>

#include <cstdint>

using namespace nibble;

TEST_CASE("a vocabulary written to GGUF is read back as it was", "[gemma3]") {
    auto const words = gemma3::random_vocabulary(600);
    auto const read = through_gguf(words);
    REQUIRE(read.size() == words.size());
    for (std::uint32_t id = 0; id < words.size(); ++id) {
        CHECK(read.piece(id) == words.piece(id));
        CHECK(read.score(id) == words.score(id));
        CHECK(read.kind(id) == words.kind(id));
    }
    CHECK(read.options().bos == words.options().bos);
    CHECK(read.options().eos == words.options().eos);
    CHECK(read.options().unk == words.options().unk);
    CHECK(read.options().pad == words.options().pad);
    CHECK_FALSE(read.options().add_space_prefix);
}
