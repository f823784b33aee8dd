// SPDX-License-Identifier: Apache-2.0
#include <nibble/gemma3/sentencepiece_model.hpp>
#include <nibble/gemma3/tokenizer.hpp>
#include <nibble/gemma3/tokenizer_json.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <span>
#include <string>
#include <vector>

using namespace nibble;
using Catch::Matchers::ContainsSubstring;

namespace {

using ids = std::vector<std::uint32_t>;

vocabulary parse(std::string const& text) { return parse_tokenizer_json(std::as_bytes(std::span(text))); }

// "zz" and "<bos>" are pieces that no merge makes; "abc" comes first of b+c and ab+c, as the ranks say.
std::string const tiny = R"({"version": "1.0", "truncation": null,
 "added_tokens": [
  {"id": 0, "content": "<pad>", "lstrip": false, "special": true}, {"id": 1, "content": "<eos>", "special": true},
  {"id": 2, "content": "<bos>", "special": true}, {"id": 3, "content": "<unk>", "special": true},
  {"id": 12, "content": "<t>", "special": false}],
 "normalizer": {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"},
 "post_processor": {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<bos>", "type_id": 0}}]},
 "model": {"type": "BPE", "dropout": null, "byte_fallback": true,
  "vocab": {"<pad>": 0, "<eos>": 1, "<bos>": 2, "<unk>": 3, "<0xC3>": 4, "a": 5, "b": 6, "c": 7, "ab": 8, "bc": 9,
   "abc": 10, "zz": 11},
  "merges": ["b c", "a b", ["a", "bc"], ["ab", "c"]]}})";

std::string with(std::string const& old_text, std::string const& new_text) {
    auto text = tiny;
    auto const at = text.find(old_text);
    REQUIRE(at != text.npos);
    return text.replace(at, old_text.size(), new_text);
}

}  // namespace

TEST_CASE("Pieces, kinds, special ids and ranks of a tokenizer.json are read", "[gemma3]") {
    auto const words = parse(tiny);
    REQUIRE(words.size() == 13);
    CHECK(words.piece(10) == "abc");
    CHECK(words.score(9) == 0.0F);
    CHECK(words.score(8) == -1.0F);
    CHECK(words.score(10) == -2.0F);
    CHECK(words.score(11) == -4.0F);
    for (std::uint32_t const id : {0U, 1U, 2U}) {
        CHECK(words.kind(id) == token_kind::control);
    }
    CHECK(words.kind(3) == token_kind::unknown);
    CHECK(words.kind(4) == token_kind::byte);
    CHECK(words.kind(5) == token_kind::normal);
    CHECK(words.kind(10) == token_kind::normal);
    CHECK(words.kind(11) == token_kind::unused);
    CHECK(words.kind(12) == token_kind::user_defined);
    CHECK(words.options().bos == 2U);
    CHECK(words.options().eos == 1U);
    CHECK(words.options().unk == 3U);
    CHECK(words.options().pad == 0U);
    CHECK(words.options().add_bos);
    CHECK_FALSE(words.options().add_space_prefix);
}

TEST_CASE("The lowest rank merges first, and what no merge makes never comes from text", "[gemma3]") {
    tokenizer const t(parse(tiny));
    CHECK(t.encode("abc") == ids{2, 10});
    CHECK(t.encode("abb") == ids{2, 8, 6});
    CHECK(t.encode("bcab") == ids{2, 9, 8});
    CHECK(t.encode("a<t>b") == ids{2, 5, 12, 6});
    CHECK(t.encode("zz") == ids{2, 3, 3});
    CHECK(t.text_of(11) == "zz");
}

TEST_CASE("A tokenizer.json made from a SentencePiece model gives the same ids", "[gemma3][golden]") {
    std::string const shared = NIBBLE_SOURCE_DIR "/../shared/";
    std::ifstream file(shared + "golden/spm2k.model", std::ios::binary);
    if (!file) {
        SKIP("no golden files");
    }
    std::string const bytes{std::istreambuf_iterator<char>(file), {}};
    auto const model = parse_sentencepiece_model(std::as_bytes(std::span(bytes)));

    nlohmann::json added = nlohmann::json::array(), pieces = nlohmann::json::object(), merges = nlohmann::json::array();
    std::vector<std::uint32_t> by_score;
    auto const merges_to = [&](std::string const& text) {
        auto const id = model.find(text);
        return id && model.kind(*id) == token_kind::normal;
    };
    auto const name = [&, special = model.options()](std::uint32_t id) {
        return id == special.bos   ? "<bos>"
               : id == special.eos ? "<eos>"
               : id == special.pad ? "<pad>"
                                   : model.piece(id);
    };
    for (std::uint32_t id = 0; id < model.size(); ++id) {
        auto const kind = model.kind(id);
        pieces[name(id)] = id;
        if (kind == token_kind::normal) {
            by_score.push_back(id);
        } else if (kind != token_kind::byte) {
            added.push_back({{"id", id}, {"content", name(id)}, {"special", kind != token_kind::user_defined}});
        }
    }
    std::sort(by_score.begin(), by_score.end(),
              [&](auto a, auto b) { return std::pair(model.score(b), a) < std::pair(model.score(a), b); });
    for (auto const id : by_score) {
        auto const& text = model.piece(id);
        for (std::size_t i = 1; i < text.size(); ++i) {
            if (merges_to(text.substr(0, i)) && merges_to(text.substr(i))) {
                merges.push_back(text.substr(0, i) + " " + text.substr(i));
            }
        }
    }
    REQUIRE(merges.size() > 1000);
    nlohmann::json const json = {
        {"added_tokens", added},
        {"model", {{"type", "BPE"}, {"byte_fallback", true}, {"merges", merges}, {"vocab", pieces}}}};
    // nlohmann sorts keys, and "merges" would come before "vocab".
    auto text = json.dump();
    CHECK_THROWS_WITH(parse(text), ContainsSubstring("which comes first"));
    text = R"({"added_tokens":)" + added.dump() + R"(,"model":{"type":"BPE","byte_fallback":true,"vocab":)" +
           pieces.dump() + R"(,"merges":)" + merges.dump() + "}}";

    tokenizer const expected(model), t(parse(text));
    CHECK(t.vocabulary().options().bos == model.options().bos);
    std::ifstream list(shared + "golden/llama.cpp/tokenize.json");
    for (auto const& entry : nlohmann::json::parse(list)) {
        auto const line = entry.at("text").get<std::string>();
        INFO(line);
        CHECK(t.encode(line, true) == entry.at("ids").get<ids>());
    }
    std::ifstream book(shared + "text/wikitext2-test.txt");
    int lines = 0;
    for (std::string line; std::getline(book, line) && lines < 1000; ++lines) {
        if (t.encode(line) != expected.encode(line)) {
            FAIL(line);
        }
    }
    CHECK(lines > 100);
}

TEST_CASE("P1: a damaged tokenizer.json and one of another tokenizer are refused at a byte", "[gemma3]") {
    CHECK_THROWS_WITH(parse("{}"), ContainsSubstring("no BPE model") && ContainsSubstring("at byte 2"));
    CHECK_THROWS_WITH(parse(with("\"BPE\"", "\"Unigram\"")), ContainsSubstring("other than BPE"));
    CHECK_THROWS_WITH(parse(with("\"byte_fallback\": true", "\"byte_fallback\": false")),
                      ContainsSubstring("byte_fallback"));
    CHECK_THROWS_WITH(parse(with("Replace", "Prepend")), ContainsSubstring("in front of the text"));
    CHECK_THROWS_WITH(parse(with("\"zz\": 11", "\"zz\": 13")), ContainsSubstring("a gap in the ids"));
    CHECK_THROWS_WITH(parse(with("\"zz\": 11", "\"zz\": 10")), ContainsSubstring("a gap in the ids or an id twice"));
    CHECK_THROWS_WITH(parse(with("\"zz\": 11", "\"zz\": 18446744073709551615")), ContainsSubstring("a gap in the ids"));
    CHECK_THROWS_WITH(parse(with("\"zz\": 11", "\"ab\": 11")), ContainsSubstring("a second time"));
    CHECK_THROWS_WITH(parse(with("\"id\": 12", "\"id\": 5")), ContainsSubstring("an id twice"));
    CHECK_THROWS_WITH(parse(with("\"id\": 0", "\"id\": 5")), ContainsSubstring("'<pad>'"));
    CHECK_THROWS_WITH(parse(with("\"id\": 12, ", "")), ContainsSubstring("without an id"));
    CHECK_THROWS_WITH(parse(with("\"a b\"", "\"ab\"")), ContainsSubstring("with a space between"));
    CHECK_THROWS_WITH(parse(with("\"a b\"", "\"a b c\"")), ContainsSubstring("with a space between"));
    CHECK_THROWS_WITH(parse(with("\"a b\"", "\"a a\"")), ContainsSubstring("does not have"));
    CHECK_THROWS_WITH(parse(with("[\"ab\", \"c\"]", "[\"ab\"]")), ContainsSubstring("a merge of 1 pieces"));
    CHECK_THROWS_WITH(parse(with("[\"ab\", \"c\"]", "[\"ab\", [\"c\"]]")), ContainsSubstring("another type"));
    for (auto const* value : {"-1", "1.5", "\"5\"", "null", "true", "{}", "[]"}) {
        CHECK_THROWS_WITH(parse(with("\"zz\": 11", std::string("\"zz\": ") + value)),
                          ContainsSubstring("another type"));
    }
    CHECK_THROWS_WITH(parse(with("\"added_tokens\": [", "\"added_tokens\": {}, \"x\": [")),
                      ContainsSubstring("another type"));
    CHECK_THROWS_WITH(parse("[]"), ContainsSubstring("another type"));
    CHECK_THROWS_WITH(parse(with("null", std::string(20, '[') + std::string(20, ']'))), ContainsSubstring("too deep"));
}

TEST_CASE("P1: every prefix and every mutation of a tokenizer.json gives a vocabulary or an error", "[gemma3]") {
    auto const survives = [](std::string const& text) {
        try {
            return parse(text).size() > 0;
        } catch (error const& e) {
            return std::string(e.what()).size() > 10;
        }
    };
    for (std::size_t n = 0; n < tiny.size(); ++n) {
        REQUIRE_THROWS_AS(parse(tiny.substr(0, n)), error);
    }
    std::mt19937 random(3);
    for (int round = 0; round < 10000; ++round) {
        auto text = tiny;
        for (auto n = 1 + random() % 3; n > 0; --n) {
            text[random() % text.size()] =
                random() % 2 == 0 ? "{}[]\",:01e\\"[random() % 11] : static_cast<char>(random() % 256);
        }
        REQUIRE(survives(text));
    }
}

TEST_CASE("P2: as many pieces and merges as Gemma 3 has are read", "[gemma3]") {
    // All texts of one to four of 22 letters, 245,410, each with the merge that adds its last letter.
    std::vector<std::string> texts{""};
    std::string pieces, merges;
    std::size_t count = 0;
    for (std::size_t i = 0; i < texts.size(); ++i) {
        if (texts[i].size() == 4) {
            break;
        }
        for (char letter = 'a'; letter <= 'v'; ++letter) {
            auto const& text = texts.emplace_back(texts[i] + letter);
            pieces += (count == 0 ? "\"" : ",\"") + text + "\":" + std::to_string(count);
            if (text.size() > 1) {
                merges += (merges.empty() ? "[\"" : ",[\"") + texts[i] + "\",\"" + letter + "\"]";
            }
            ++count;
        }
    }
    auto const words =
        parse(R"({"model":{"type":"BPE","byte_fallback":true,"vocab":{)" + pieces + R"(},"merges":[)" + merges + "]}}");
    REQUIRE(words.size() == 22 + 22 * 22 + 22 * 22 * 22 + 22 * 22 * 22 * 22);
    CHECK(words.find("vvvv") == words.size() - 1);
    CHECK(words.score(22) == 0.0F);
    CHECK(words.score(static_cast<std::uint32_t>(words.size()) - 1) == 23.0F - static_cast<float>(words.size()));
    CHECK(tokenizer(words).encode("badc") == ids{*words.find("badc")});
}
