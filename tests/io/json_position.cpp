// SPDX-License-Identifier: Apache-2.0
#include <nibble/io/json_position.hpp>
#include <nibble/numeric/error.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace {

/// Notes every string and number with the offset at which it was given.
struct notes {
    nibble::json_position where{};
    std::vector<std::pair<std::string, std::size_t>> seen{};

    bool note(std::string text) {
        seen.emplace_back(std::move(text), where.offset());
        return true;
    }
    [[noreturn]] void fail(std::string const& what) const {
        throw nibble::error(what + " at byte " + std::to_string(where.offset()));
    }
    bool null() { return true; }
    bool boolean(bool) { return true; }
    bool number_integer(std::int64_t value) { return note(std::to_string(value)); }
    bool number_unsigned(std::uint64_t value) { return note(std::to_string(value)); }
    bool number_float(double, std::string const& text) { return note(text); }
    bool string(std::string& value) { return note(value); }
    bool binary(std::vector<std::uint8_t>&) { return false; }
    bool key(std::string& value) { return note(value); }
    bool start_object(std::size_t) { return true; }
    bool end_object() { return true; }
    bool start_array(std::size_t) { return true; }
    bool end_array() { return true; }
    bool parse_error(std::size_t, std::string const&, nlohmann::json::exception const&) { fail("invalid JSON"); }
};

notes read(std::string const& text, std::size_t token_bytes = 1000) {
    notes result;
    nibble::parse_json(text, token_bytes, result);
    return result;
}

using Catch::Matchers::ContainsSubstring;

}  // namespace

TEST_CASE("A handler knows the byte behind each string, and the one behind the digit after a number") {
    using pairs = std::vector<std::pair<std::string, std::size_t>>;
    CHECK(read(R"({"ab":"c", "d":12})").seen == pairs{{"ab", 5}, {"c", 9}, {"d", 14}, {"12", 18}});
    CHECK(read("[]  \n").seen.empty());
}

TEST_CASE("P1: invalid text, a cut text and a NUL byte are refused where they stand") {
    CHECK_THROWS_WITH(read(R"({"a":x})"), ContainsSubstring("at byte 6"));
    CHECK_THROWS_WITH(read("[1,"), ContainsSubstring("at byte 3"));
    CHECK_THROWS_WITH(read(""), ContainsSubstring("at byte 0"));
    CHECK_THROWS_WITH(read(std::string("{}\0{}", 5)), ContainsSubstring("NUL byte at byte 2"));
}

TEST_CASE("P2: a token may have as many bytes as the limit says and not one more") {
    std::string const string = '"' + std::string(6, 'x') + '"', escapes = R"("\"\"\"")", number(8, '1');
    for (auto const& token : {string, escapes, number}) {
        INFO(token);
        CHECK_NOTHROW(read(token, 8));
        CHECK_THROWS_WITH(read(token, 7), ContainsSubstring("longer than the limit of 7 bytes at byte 7"));
    }
    CHECK_NOTHROW(read(R"(["a","b","c","d",1,2,3,4])", 5));
    CHECK_THROWS_AS(read("[1,      2]", 7), nibble::error);
    CHECK_THROWS_AS(read("[true,true]", 7), nibble::error);
    CHECK_NOTHROW(read("[1]" + std::string(100, ' '), 7));
}
