// SPDX-License-Identifier: Apache-2.0
#include <nibble/gemma3/sentencepiece_model.hpp>
#include <nibble/gemma3/tokenizer.hpp>

#include <catch2/catch_test_macros.hpp>
#include <nlohmann/json.hpp>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <span>
#include <string>
#include <vector>

namespace {

using ids = std::vector<std::uint32_t>;
using kind = nibble::token_kind;

// 0 to 3 special, 4 to 259 bytes, then the pieces below.
nibble::tokenizer small() {
    std::vector<std::string> pieces{"<pad>", "<eos>", "<bos>", "<unk>"};
    std::vector<kind> kinds{kind::control, kind::control, kind::control, kind::unknown};
    std::vector<float> scores(4, -1000.0f);
    for (unsigned i = 0; i < 256; ++i) {
        char text[8];
        std::snprintf(text, sizeof text, "<0x%02X>", i & 0xffu);
        pieces.emplace_back(text);
        kinds.push_back(kind::byte);
        scores.push_back(-1000.0f);
    }
    auto const add = [&](char const* text, float score, kind k = kind::normal) {
        pieces.emplace_back(text);
        kinds.push_back(k);
        scores.push_back(score);
    };
    add("a", -10);                                           // 260
    add("b", -10);                                           // 261
    add("aa", -1);                                           // 262
    add("ab", -2);                                           // 263
    add("\xe2\x96\x81", -10);                                // 264
    add("\xe2\x96\x81\xe2\x96\x81", 0, kind::user_defined);  // 265
    add("<t>", 0, kind::user_defined);                       // 266
    add("<t><t>", 0, kind::user_defined);                    // 267
    add("<start_of_turn>", 0);                               // 268
    return nibble::tokenizer(nibble::vocabulary(pieces, scores, kinds));
}

}  // namespace

TEST_CASE("the best score merges first and ties go to the left", "[gemma3]") {
    auto const t = small();
    CHECK(t.encode("aaa") == ids{2, 262, 260});
    CHECK(t.encode("aab") == ids{2, 262, 261});
    CHECK(t.encode("bab") == ids{2, 261, 263});
    CHECK(t.encode("") == ids{2});
}

TEST_CASE("user-defined pieces split first and the longest wins", "[gemma3]") {
    auto const t = small();
    CHECK(t.encode("a<t><t><t>a") == ids{2, 260, 267, 266, 260});
    CHECK(t.encode("a   b") == ids{2, 260, 265, 264, 261});
}

TEST_CASE("text never becomes a control or byte piece unless asked", "[gemma3]") {
    auto const t = small();
    CHECK(t.encode("<start_of_turn>", true) == ids{2, 268});
    for (auto const text : {"<start_of_turn>", "<0x41>", "<bos>"}) {
        auto const got = t.encode(text);
        CHECK(got.size() > 5);
        CHECK(t.decode(got) == text);
    }
}

TEST_CASE("symbols outside the vocabulary and broken UTF-8 become byte pieces", "[gemma3]") {
    auto const t = small();
    CHECK(t.encode("\xc3\xa9") == ids{2, 4 + 0xc3, 4 + 0xa9});
    CHECK(t.encode("a\xff") == ids{2, 260, 4 + 0xff});
    CHECK(t.encode("\xe2\x96") == ids{2, 4 + 0xe2, 4 + 0x96});
}

TEST_CASE("decode undoes encode and streaming gives the same bytes", "[gemma3]") {
    auto const t = small();
    std::mt19937 random(1);
    for (int round = 0; round < 500; ++round) {
        std::string text;
        for (auto n = random() % 40; n > 0; --n) {
            text += random() % 2 == 0 ? "ab <t>"[random() % 6] : static_cast<char>(random() % 256);
        }
        if (text.find("\xe2\x96\x81") != std::string::npos) {
            continue;
        }
        auto const got = t.encode(text, false);
        REQUIRE(t.decode(got) == text);
        nibble::streaming_decoder stream(t);
        std::string out;
        for (auto const id : got) {
            out += stream.push(id);
        }
        REQUIRE(out + stream.finish() == text);
    }
}

TEST_CASE("the streaming decoder holds back a cut character", "[gemma3]") {
    auto const t = small();
    nibble::streaming_decoder stream(t);
    CHECK(stream.push(4 + 0xc3).empty());
    CHECK(stream.push(4 + 0xa9) == "\xc3\xa9");
    CHECK(stream.push(4 + 0xe2).empty());
    CHECK(stream.push(260) == "\xe2"
                              "a");
    CHECK(stream.push(4 + 0xf0).empty());
    CHECK(stream.finish() == "\xf0");
}

TEST_CASE("the ids are those of llama.cpp", "[gemma3][golden]") {
    std::string const golden = NIBBLE_SOURCE_DIR "/../shared/golden/";
    if (!std::filesystem::exists(golden + "spm2k.model")) {
        SKIP("no golden files");
    }
    std::ifstream file(golden + "spm2k.model", std::ios::binary);
    std::string const bytes{std::istreambuf_iterator<char>(file), {}};
    nibble::tokenizer const t(nibble::parse_sentencepiece_model(std::as_bytes(std::span(bytes))));
    std::ifstream list(golden + "llama.cpp/tokenize.json");
    for (auto const& entry : nlohmann::json::parse(list)) {
        auto const text = entry.at("text").get<std::string>();
        INFO(text);
        CHECK(t.encode(text, true) == entry.at("ids").get<ids>());
    }
}
