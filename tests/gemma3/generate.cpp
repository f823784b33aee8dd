// SPDX-License-Identifier: Apache-2.0
#include "engine.hpp"

#include <nibble/gemma3/generate.hpp>
#include <nibble/gemma3/random_model.hpp>

#include <catch2/catch_test_macros.hpp>

using namespace nibble;

namespace {

gemma3::model<> golden_with_words(scratch_folder const& folder) {
    golden_model const golden("gemma3-tiny");
    golden.write(folder.path);
    auto m = gemma3::load(folder.path);
    m.words.emplace(gemma3::random_vocabulary(m.config.vocabulary));
    m.end_ids.clear();
    return m;
}

std::vector<std::uint32_t> ids_of(gemma3::token_stream<any_weight> stream) {
    std::vector<std::uint32_t> ids;
    for (auto const id : stream) {
        ids.push_back(id);
    }
    return ids;
}

}  // namespace

TEST_CASE("a stream gives as many ids as asked for, and its text is theirs", "[gemma3]") {
    scratch_folder const folder;
    auto const m = golden_with_words(folder);
    std::vector<std::uint32_t> const prompt{2, 17, 90, 200};
    gemma3::generation_options const options{.max_tokens = 20};
    auto const ids = ids_of(gemma3::generate(cpu{}, m, prompt, options));
    CHECK(ids.size() == 20);
    std::string text;
    for (auto const& piece : gemma3::text_stream<any_weight>(cpu{}, m, prompt, options)) {
        text += piece;
    }
    CHECK(text == m.words->decode(ids));
    CHECK(ids_of(gemma3::generate(cpu{}, m, prompt, {.max_tokens = 0})).empty());
    CHECK(ids_of(gemma3::generate(cpu{}, m, prompt, {.max_tokens = 20, .context = 9})).size() ==
          6);  // 4 + 5, and one more
}

TEST_CASE("a stream ends at an id that ends a text, unless told not to", "[gemma3]") {
    scratch_folder const folder;
    auto m = golden_with_words(folder);
    std::vector<std::uint32_t> const prompt{2, 17, 90, 200};
    auto const ids = ids_of(gemma3::generate(cpu{}, m, prompt, {.max_tokens = 20}));
    m.end_ids = {ids.back()};
    auto const first = std::find(ids.begin(), ids.end(), ids.back());
    CHECK(ids_of(gemma3::generate(cpu{}, m, prompt, {.max_tokens = 20})) == std::vector(ids.begin(), first));
    CHECK(ids_of(gemma3::generate(cpu{}, m, prompt, {.max_tokens = 20, .stop_at_end = false})) == ids);
}

TEST_CASE("the same seed gives the same text", "[gemma3]") {
    scratch_folder const folder;
    auto const m = golden_with_words(folder);
    std::vector<std::uint32_t> const prompt{2, 17};
    auto const with_seed = [&](std::uint64_t seed) {
        return ids_of(
            gemma3::generate(cpu{}, m, prompt, {.max_tokens = 24, .sample = {.temperature = 2, .seed = seed}}));
    };
    CHECK(with_seed(1) == with_seed(1));
    CHECK(with_seed(1) != with_seed(2));
}

TEST_CASE("an answer to a conversation is what follows its ids, and walking twice does not ask twice", "[gemma3]") {
    scratch_folder const folder;
    auto m = golden_with_words(folder);
    std::vector<std::string> pieces;
    for (std::uint32_t id = 0; id < 320; ++id) {
        pieces.push_back(id == 300 ? "<start_of_turn>" : id == 301 ? "<end_of_turn>" : m.words->vocabulary().piece(id));
    }
    std::vector<float> const scores(320);
    std::vector<token_kind> kinds;
    for (std::uint32_t id = 0; id < 320; ++id) {
        kinds.push_back(m.words->vocabulary().kind(id));
    }
    m.words.emplace(vocabulary(pieces, scores, kinds));
    std::vector<chat_message> const messages{{chat_role::user, "hi"}};
    std::string text;
    auto stream = gemma3::generate(cpu{}, m, messages, {.max_tokens = 6});
    for (auto const& piece : stream) {
        text += piece;
    }
    CHECK(text == m.words->decode(ids_of(gemma3::generate(cpu{}, m, chat_ids(*m.words, messages), {.max_tokens = 6}))));
    CHECK(stream.begin() == stream.end());
}

TEST_CASE("a text needs a tokenizer, a session a token", "[gemma3]") {
    scratch_folder const folder;
    auto m = golden_with_words(folder);
    CHECK_THROWS_AS(gemma3::session(cpu{}, m, 10).feed({}), error);
    m.words.reset();
    CHECK_THROWS_AS(gemma3::generate(cpu{}, m, "x"), error);
}
