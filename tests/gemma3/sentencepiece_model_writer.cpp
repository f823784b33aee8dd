// SPDX-License-Identifier: Apache-2.0
#include <nibble/gemma3/byte_vocabulary.hpp>
#include <nibble/gemma3/random_vocabulary.hpp>
#include <nibble/gemma3/sentencepiece_model.hpp>
#include <nibble/gemma3/sentencepiece_model_writer.hpp>

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

using namespace nibble;

namespace {

void check_comes_back(vocabulary const& words) {
    auto const again = parse_sentencepiece_model(to_sentencepiece_model(words));
    REQUIRE(again.size() == words.size());
    CHECK(again.pieces() == words.pieces());
    bool same = true;
    for (std::uint32_t id = 0; id < words.size(); ++id) {
        same = same && again.kind(id) == words.kind(id) &&
               std::bit_cast<std::uint32_t>(again.score(id)) == std::bit_cast<std::uint32_t>(words.score(id));
    }
    CHECK(same);
    auto const& a = again.options();
    auto const& b = words.options();
    CHECK(a.bos == b.bos);
    CHECK(a.eos == b.eos);
    CHECK(a.unk == b.unk);
    CHECK(a.pad == b.pad);
    CHECK(a.add_space_prefix == b.add_space_prefix);
}

/// Whether `part` is in the bytes.
bool holds(std::vector<std::byte> const& bytes, std::string_view part) {
    auto const wanted = std::as_bytes(std::span(part));
    return !std::ranges::search(bytes, wanted).empty();
}

}  // namespace

TEST_CASE("A vocabulary comes back from the bytes of its tokenizer.model", "[gemma3]") {
    check_comes_back(gemma3::byte_vocabulary());
    check_comes_back(gemma3::random_vocabulary(1000));
}

TEST_CASE("Special ids that there are none of, any score and any text come back", "[gemma3]") {
    float const infinite = std::numeric_limits<float>::infinity();
    std::vector<std::string> const pieces{"<unk>", "a", std::string(300, 'b'), std::string("\0\xff", 2), "", "<0x41>"};
    std::vector<float> const scores{-0.0f, 1e-40f, -infinite, std::numeric_limits<float>::quiet_NaN(), -1.5f, 0.0f};
    std::vector<token_kind> const kinds{token_kind::unknown, token_kind::normal,       token_kind::control,
                                        token_kind::unused,  token_kind::user_defined, token_kind::byte};
    vocabulary_options none{.bos = {}, .eos = {}, .unk = {}, .pad = {}};
    check_comes_back({pieces, scores, kinds, none});
    check_comes_back({pieces, scores, kinds, {.bos = 1, .eos = 2, .unk = 0, .pad = 5, .add_space_prefix = true}});
}

TEST_CASE("The bytes are those of sentencepiece_model.proto", "[gemma3]") {
    vocabulary const words({"<unk>", "a"}, {0, 1}, {token_kind::unknown, token_kind::normal},
                           {.bos = {}, .eos = 1, .unk = 0, .pad = {}});
    std::string const none = "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01";
    std::string const trainer = std::string("\x18\x02\x20\x02\x98\x02\x00", 7) +  // BPE, 2 pieces, no bytes
                                std::string("\xc0\x02\x00\xc8\x02", 5) + none +   // unk, bos
                                "\xd0\x02\x01\xd8\x02" + none +                   // eos, pad
                                "\xea\x02\x05<unk>\xfa\x02\x01" + "a";            // pieces of unk and eos
    std::string const wanted = std::string("\x0a\x0e\x0a\x05<unk>\x15\x00\x00\x00\x00\x18\x02", 16) +
                               std::string("\x0a\x0a\x0a\x01\x61\x15\x00\x00\x80\x3f\x18\x01", 12) + "\x12" +
                               static_cast<char>(trainer.size()) + trainer +
                               std::string("\x1a\x10\x0a\x08identity\x18\x00\x20\x00\x28\x01", 18);
    auto const bytes = to_sentencepiece_model(words);
    CHECK(std::ranges::equal(bytes, std::as_bytes(std::span(wanted))));
}

TEST_CASE("Bytes stand in for unknown characters exactly where the vocabulary has all of them", "[gemma3]") {
    constexpr std::string_view with("\x98\x02\x01", 3);
    constexpr std::string_view without("\x98\x02\x00", 3);
    auto const all = gemma3::byte_vocabulary();
    CHECK(holds(to_sentencepiece_model(all), with));
    CHECK_FALSE(holds(to_sentencepiece_model(all), without));
    auto const some = to_sentencepiece_model(all.first(200));
    CHECK(holds(some, without));
    CHECK_FALSE(holds(some, with));
}
