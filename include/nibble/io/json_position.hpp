// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace nibble {

/// How far a parse has come in a JSON text.
struct json_position {
    char const* begin = nullptr;
    char const* at = nullptr;

    std::size_t offset() const { return static_cast<std::size_t>(at - begin); }
};

namespace detail {

/// Moves a json_position along with nlohmann's lexer.
struct json_iterator {
    using iterator_category = std::input_iterator_tag;
    using value_type = char;
    using difference_type = std::ptrdiff_t;
    using pointer = char const*;
    using reference = char const&;

    char const* at;
    json_position* position;

    reference operator*() const { return *at; }
    json_iterator& operator++() {
        position->at = ++at;
        return *this;
    }
    json_iterator operator++(int) {
        auto const old = *this;
        ++*this;
        return old;
    }
    bool operator==(json_iterator const& other) const { return at == other.at; }
    bool operator!=(json_iterator const& other) const { return at != other.at; }
};

/// A name fit for one line of an error message.
inline std::string in_message(std::string_view name) {
    std::string text(name.substr(0, 80));
    std::replace_if(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; }, '?');
    return "'" + text + "'";
}

}  // namespace detail

/// Gives the values of `text` to `handler`, a SAX handler of nlohmann::json that also has
///   where        a json_position, which follows the lexer
///   fail(what)   throws, for what is wrong at `where`
/// Refuses a NUL byte, which the lexer would take for the end of the text, and more than `token_bytes` from the start
/// of one string or number to the start of the next. The lexer keeps these bytes in two buffers that double, so that
/// its memory stays below 6 * token_bytes.
template <class Handler>
void parse_json(std::string_view text, std::size_t token_bytes, Handler& handler) {
    handler.where = {text.data(), text.data()};
    text = text.substr(0, text.find_last_not_of(" \t\r\n") + 1);
    bool quoted = false, escaped = false, numeric = false;
    std::size_t length = 0;
    for (char const& c : text) {
        handler.where.at = &c;
        if (c == '\0') {
            handler.fail("a NUL byte");
        }
        bool const opens = !quoted && c == '"';
        bool const digit = !quoted && (c == '-' || (c >= '0' && c <= '9'));
        length = opens || (digit && !numeric) ? 1 : length + 1;
        if (length > token_bytes) {
            handler.fail("a token longer than the limit of " + std::to_string(token_bytes) + " bytes");
        }
        numeric = digit || (numeric && std::string_view("+.eE").find(c) != std::string_view::npos);
        bool const closes = quoted && c == '"' && !escaped;
        escaped = quoted && c == '\\' && !escaped;
        quoted = opens || (quoted && !closes);
    }
    handler.where.at = text.data();
    nlohmann::json::sax_parse(detail::json_iterator{text.data(), &handler.where},
                              detail::json_iterator{text.data() + text.size(), &handler.where}, &handler);
}

}  // namespace nibble
