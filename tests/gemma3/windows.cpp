// SPDX-License-Identifier: Apache-2.0
#include <nibble/gemma3/random_vocabulary.hpp>
#include <nibble/gemma3/windows.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

using namespace nibble;

TEST_CASE("Windows are bos and the tokens of the text in order, each once, but for a lone bos", "[gemma3]") {
    tokenizer const words(gemma3::random_vocabulary(600));
    auto const bos = words.vocabulary().options().bos;
    REQUIRE(bos);
    std::string const text = "bada gege, zuzu. Any text will do";
    std::vector<std::uint32_t> ids;
    words.append(ids, text);
    for (std::size_t const window : {2u, 3u, 5u, 100u}) {
        auto const windows = gemma3::windows_of(words, text, window);
        CHECK(windows.size() == (ids.size() + window - 2) / (window - 1));
        std::vector<std::uint32_t> all;
        for (auto const& one : windows) {
            CHECK(one.front() == *bos);
            CHECK((one.size() == window || &one == &windows.back()));
            all.insert(all.end(), one.begin() + 1, one.end());
        }
        CHECK(all == ids);
    }
    CHECK(gemma3::windows_of(words, "", 5).empty());
    CHECK_THROWS_WITH(gemma3::windows_of(words, text, 1), Catch::Matchers::ContainsSubstring("two or more"));
}

TEST_CASE("Without bos a window is all text, and a token that predicts none is left out", "[gemma3]") {
    auto vocabulary = gemma3::random_vocabulary(600);
    auto options = vocabulary.options();
    options.bos.reset();
    std::vector<std::string> pieces(vocabulary.pieces().begin(), vocabulary.pieces().end());
    std::vector<float> scores;
    std::vector<token_kind> kinds;
    for (std::uint32_t id = 0; id < vocabulary.size(); ++id) {
        scores.push_back(vocabulary.score(id));
        kinds.push_back(vocabulary.kind(id));
    }
    tokenizer const words(nibble::vocabulary(pieces, scores, kinds, options));
    std::vector<std::uint32_t> ids;
    words.append(ids, "abc");
    REQUIRE(ids.size() == 3);
    auto const windows = gemma3::windows_of(words, "abc", 2);
    REQUIRE(windows.size() == 1);
    CHECK(windows[0] == std::vector<std::uint32_t>(ids.begin(), ids.begin() + 2));
}
