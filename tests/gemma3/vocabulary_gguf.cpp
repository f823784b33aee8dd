// SPDX-License-Identifier: Apache-2.0
#include "engine.hpp"

#include <nibble/gemma3/random_model.hpp>
#include <nibble/gemma3/vocabulary_gguf.hpp>

#include <catch2/catch_test_macros.hpp>

using namespace nibble;

TEST_CASE("a vocabulary written to GGUF is read back as it was", "[gemma3]") {
    auto const words = gemma3::random_vocabulary(600);
    scratch_folder const folder;
    gguf_writer writer;
    gemma3::add_vocabulary(writer, words);
    writer.start(folder / "words.gguf");
    writer.commit();
    auto const file = gguf_file::open(folder / "words.gguf");
    auto const read = gemma3::vocabulary_from(file);
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
