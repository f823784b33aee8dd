// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "output.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>

namespace program {

/// Text of a file as text or attribute of a page; control characters, which no page can hold, become U+FFFD.
inline std::string escaped(std::string_view text) {
    std::string out;
    for (char const c : text) {
        switch (c) {
        case '&':
            out += "&amp;";
            break;
        case '<':
            out += "&lt;";
            break;
        case '>':
            out += "&gt;";
            break;
        case '"':
            out += "&quot;";
            break;
        case '\'':
            out += "&#39;";
            break;
        default:
            bool const control = (static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t') || c == 0x7f;
            out += control ? "\uFFFD" : std::string(1, c);
        }
    }
    return out;
}

/// Digits with a comma before every three: "49,152", "-1,234.5".
inline std::string grouped(std::string digits) {
    std::size_t const first = digits.starts_with('-') ? 1 : 0;
    std::size_t const end = std::min(digits.find('.'), digits.size());
    for (std::size_t at = end; at > first + 3;) {
        at -= 3;
        digits.insert(at, 1, ',');
    }
    return digits;
}

/// At most so many significant digits and no zeros after them: "0.001", "12,800", "3e-5"; a dash where it is no number.
inline std::string number_text(double value, int digits = 4) {
    if (!std::isfinite(value)) {
        return "–";
    }
    double const magnitude = std::abs(value);
    if (magnitude >= 1e6 || (magnitude != 0 && magnitude < 1e-4)) {
        std::string text = significant(value, digits);  // 3e-05 or 1e+06; 9.99999e-05 may round to 0.0001
        std::size_t const sign = text.find('e') + 1;
        if (sign == 0) {
            return text;
        }
        std::size_t const power = std::min(text.find_first_not_of("+-0", sign), text.size() - 1);
        return text.erase(sign, power - sign).insert(sign, magnitude < 1 ? "-" : "");
    }
    int const before = magnitude < 1 ? 0 : static_cast<int>(std::log10(magnitude)) + 1;
    int const leading = magnitude == 0 || magnitude >= 1 ? 0 : static_cast<int>(-std::floor(std::log10(magnitude))) - 1;
    std::string text = fixed(value, std::max(0, digits - before) + leading);
    if (text.find('.') != text.npos) {
        text.erase(text.find_last_not_of('0') + 1);
        text.erase(text.find_last_not_of('.') + 1);
    }
    return grouped(text);
}

/// "3.4 s", "9 min 12 s", "2 h 05 min".
inline std::string duration_text(double seconds) {
    if (!(seconds >= 0 && seconds < 1e12)) {
        return "–";
    }
    if (seconds < 59.95) {
        return fixed(seconds, 1) + " s";
    }
    auto const whole = static_cast<std::uint64_t>(std::llround(seconds));
    bool const hours = whole >= 3600;
    std::uint64_t const small = hours ? whole / 60 % 60 : whole % 60;
    return grouped(std::to_string(hours ? whole / 3600 : whole / 60)) + (hours ? " h " : " min ") +
           (small < 10 ? "0" : "") + std::to_string(small) + (hours ? " min" : " s");
}

}  // namespace program
