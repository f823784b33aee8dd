// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <numeric>
#include <string_view>

namespace nibble::detail {

/// The fraction Num / Den of a rule and its word, "word_num_den", or "letter_num" of an integer. In lowest terms, so
/// that every fraction is one type.
template <int Num, int Den>
struct fraction {
    static_assert(Num > 0 && Den > 0 && std::gcd(Num, Den) == 1,
                  "nibble: a rule takes a positive fraction Num, Den in lowest terms, as in 3, 2");
    static constexpr double value = static_cast<double>(Num) / Den;

    static constexpr std::array<char, 40> name(std::string_view word) {
        std::array<char, 40> text{};
        std::size_t length = 0;
        auto const write_number = [&](int number) {
            text[length++] = '_';
            int unit = 1;
            while (number / unit >= 10) {
                unit *= 10;
            }
            for (; unit != 0; unit /= 10) {
                text[length++] = static_cast<char>('0' + number / unit % 10);
            }
        };
        for (char const c : word) {
            text[length++] = c;
        }
        write_number(Num);
        if (Den != 1) {
            write_number(Den);
        }
        return text;
    }
};

}  // namespace nibble::detail
