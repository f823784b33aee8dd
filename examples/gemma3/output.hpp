// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <string>
#include <string_view>

namespace program {

using json = nlohmann::ordered_json;

/// Bytes that are not UTF-8 become U+FFFD, which JSON can hold.
inline void print(json const& value) { std::cout << value.dump(2, ' ', false, json::error_handler_t::replace) << '\n'; }

/// A number with so many digits behind the point.
inline std::string fixed(double value, int digits) {
    char text[64];
    std::snprintf(text, sizeof text, "%.*f", digits, value);
    return text;
}

/// A number with so many significant digits.
inline std::string significant(double value, int digits) {
    char text[64];
    std::snprintf(text, sizeof text, "%.*g", digits, value);
    return text;
}

/// "1.21 GB"; units are powers of 1000.
inline std::string bytes_text(std::uint64_t bytes) {
    constexpr std::string_view units[]{"bytes", "kB", "MB", "GB", "TB"};
    auto value = static_cast<double>(bytes);
    std::size_t unit = 0;
    while (value >= 1000 && unit + 1 < std::size(units)) {
        value /= 1000;
        ++unit;
    }
    return (unit == 0 ? std::to_string(bytes) : fixed(value, 2)) + " " + std::string(units[unit]);
}

/// Text of an untrusted file for a terminal: control characters as \xHH, and no more than `most` bytes.
inline std::string printable(std::string_view text, std::size_t most = 80) {
    std::string out;
    for (char const c : text.substr(0, most)) {
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
            char code[5];
            std::snprintf(code, sizeof code, "\\x%02x", static_cast<unsigned>(static_cast<unsigned char>(c)));
            out += code;
        } else {
            out += c;
        }
    }
    return text.size() > most ? out + "…" : out;
}

}  // namespace program
