// SPDX-License-Identifier: Apache-2.0
#include <nibble/io/json_fields.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <random>
#include <string>
#include <vector>

using namespace nibble;
using Catch::Matchers::ContainsSubstring;

namespace {

json_fields parse(std::string const& text, json_limits const& limits = {}) {
    return parse_json_fields(std::as_bytes(std::span(text)), limits);
}

std::string const config = R"({
 "model_type": "gemma3", "eos_token_id": [1, 106], "tie": true, "softcap": null, "eps": 1e-06, "theta": 1000000.0,
 "big": 18446744073709551615, "least": -9223372036854775808,
 "text_config": {"hidden_size": 2560, "rope_scaling": {"factor": 8.0, "rope_type": "linear"}},
 "weight_map": {"model.norm.weight": "b", "a\u00e9\n": "a", "": "empty"}
})";

}  // namespace

TEST_CASE("Values are found by path, whatever their keys hold", "[io]") {
    auto const fields = parse(config);
    CHECK(fields.at("model_type").as_string() == "gemma3");
    CHECK(fields.at("text_config", "hidden_size").as_integer() == 2560);
    CHECK(fields.at("text_config", "hidden_size").as_number() == 2560.0);
    CHECK(fields.at("text_config", "rope_scaling", "factor").as_number() == 8.0);
    CHECK(fields.at("text_config").at("rope_scaling").at("factor").as_integer() == 8);
    CHECK(fields.at("theta").as_integer() == 1000000);
    CHECK(fields.at("eos_token_id", 1).as_integer() == 106);
    CHECK(fields.at("tie").as_bool());
    CHECK(fields.at("softcap").is_null());
    CHECK(fields.at("eps").as_number() == 1e-6);
    CHECK(fields.at("big").as_number() == 0x1p64);
    CHECK(fields.at("least").as_integer() == INT64_MIN);
    CHECK(fields.at("weight_map", "model.norm.weight").as_string() == "b");
    CHECK(fields.at("weight_map", "").as_string() == "empty");

    CHECK(fields.find("text_config", "rope_scaling", "factor") == &fields.at("text_config", "rope_scaling", "factor"));
    CHECK(fields.find() == &fields.root());
    CHECK(fields.find("nothing", "at", "all") == nullptr);
    CHECK(fields.find("weight_map", "model", "norm", "weight") == nullptr);
    CHECK(fields.find("model_type", "deeper") == nullptr);
    CHECK(fields.find("eos_token_id", 2) == nullptr);
    CHECK(fields.find("eos_token_id", -1) == nullptr);
    CHECK(fields.find("eos_token_id", "0") == nullptr);
    CHECK(fields.find("text_config", 0) == nullptr);
}

TEST_CASE("Members come by key in an object and in order in an array, and outlive a move", "[io]") {
    auto first = parse(config);
    auto const fields = std::move(first);
    auto const map = fields.members("weight_map");
    REQUIRE(map.size() == 3);
    CHECK(map[0]->key() == "");
    CHECK(map[1]->key() == "a\xc3\xa9\n");
    CHECK(map[1]->as_string() == "a");
    CHECK(map[2]->key() == "model.norm.weight");
    auto const ids = fields.members("eos_token_id");
    REQUIRE(ids.size() == 2);
    CHECK(ids[0]->as_integer() == 1);
    CHECK(ids[1]->key().empty());
    CHECK(fields.members().size() == 10);
    CHECK(fields.at("tie").members().empty());
}

TEST_CASE("A value of another kind is refused with its path, its byte and what was expected", "[io]") {
    auto const fields = parse(R"({"a": {"b": ["x", 1.5, 9007199254740994.0]}})");
    CHECK_THROWS_WITH(fields.at("a", "b", 0).as_integer(),
                      ContainsSubstring("'a.b[0]' at byte 16 is a string; expected an integer"));
    CHECK_THROWS_WITH(fields.at("a", "b", 1).as_integer(), ContainsSubstring("'a.b[1]'"));
    CHECK_THROWS_WITH(fields.at("a", "b", 2).as_integer(), ContainsSubstring("is a number; expected an integer"));
    CHECK_THROWS_WITH(fields.at("a").as_string(), ContainsSubstring("'a' at byte 7 is an object; expected a string"));
    CHECK_THROWS_WITH(fields.root().as_bool(), ContainsSubstring("the top level at byte 1"));
    CHECK_THROWS_WITH(fields.at("a", "b").as_number(), ContainsSubstring("is an array; expected a number"));
    CHECK_THROWS_WITH(fields.at("a", "c"), ContainsSubstring("'a' at byte 7 has no 'c'"));
    CHECK_THROWS_WITH(fields.at("a", "b", 3), ContainsSubstring("'a.b' at byte 13 has no '[3]'"));
    CHECK_THROWS_WITH(fields.members("a", "b", 0), ContainsSubstring("expected an object or array"));
}

TEST_CASE("Every limit is kept to the last value it allows, with a byte offset beyond", "[io]") {
    json_limits limits;
    limits.values = 4;
    CHECK_NOTHROW(parse("[1,2,3]", limits));
    CHECK_THROWS_WITH(parse("[1,2,[]3]", limits), ContainsSubstring("invalid JSON at byte"));
    CHECK_THROWS_WITH(parse("[1,2,3,4]", limits), ContainsSubstring("limit of 4 at byte"));
    limits = {};
    limits.depth = 2;
    CHECK_NOTHROW(parse("[[1],{}]", limits));
    CHECK_THROWS_WITH(parse("[[1,[]]]", limits), ContainsSubstring("limit of 2 at byte 5"));
    CHECK_THROWS_AS(parse(std::string(100'000, '[')), error);
    limits = {};
    limits.key_bytes = 2;
    CHECK_NOTHROW(parse(R"({"ab":1})", limits));
    CHECK_THROWS_WITH(parse(R"({"abc":1})", limits), ContainsSubstring("limit of 2 bytes at byte 6"));
    limits = {};
    limits.bytes = 6;
    CHECK_NOTHROW(parse("[1,22]", limits));
    CHECK_THROWS_WITH(parse("[1,222]", limits), ContainsSubstring("at byte 7"));
    limits = {};
    limits.token_bytes = 5;
    CHECK_NOTHROW(parse(R"(["ab"])", limits));
    CHECK_THROWS_WITH(parse(R"(["abc"])", limits), ContainsSubstring("limit of 5 bytes at byte 6"));
}

TEST_CASE("P1: a key twice in one object is refused, in two objects not", "[io]") {
    CHECK_THROWS_WITH(parse(R"({"a":{"b":1,"c":2,"b":3}})"),
                      ContainsSubstring("'a.b' at byte") && ContainsSubstring("twice"));
    CHECK_THROWS_AS(parse(R"({"a":1,"\u0061":2})"), error);
    CHECK(parse(R"({"a":{"a":1},"b":{"a":2}})").at("b", "a").as_integer() == 2);
}

TEST_CASE("P1: every prefix and every mutation gives a table or an error with a byte offset", "[io]") {
    auto const survives = [](std::string const& text) {
        try {
            auto const fields = parse(text);
            return !fields.root().path().empty();
        } catch (error const& e) {
            return std::string(e.what()).find(" byte ") != std::string::npos;
        }
    };
    for (std::size_t n = 0; n + 1 < config.size(); ++n) {
        REQUIRE(survives(config.substr(0, n)));
        REQUIRE_THROWS_AS(parse(config.substr(0, n)), error);
    }
    std::mt19937 random(1);
    for (int round = 0; round < 20000; ++round) {
        auto text = config;
        for (auto n = 1 + random() % 3; n > 0; --n) {
            text[random() % text.size()] =
                random() % 2 == 0 ? "{}[]\",:01e\\"[random() % 11] : static_cast<char>(random() % 256);
        }
        REQUIRE(survives(text));
    }
    CHECK_THROWS_AS(parse(std::string("{}\0", 3)), error);
    CHECK_THROWS_AS(parse("[1e999]"), error);
    CHECK_THROWS_AS(parse("\"\xff\""), error);
}
