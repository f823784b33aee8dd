// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/gemma3/tokenizer.hpp>
#include <nibble/numeric/error.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace nibble::gemma3 {

/// A text cut into texts of their own, which do not overlap: each has bos, where the vocabulary has one, and then
/// tokens of the text, up to `window` in all; the last may be shorter. One without a token to predict is left out.
/// Throws nibble::error for a window of less than two tokens.
inline std::vector<std::vector<std::uint32_t>> windows_of(tokenizer const& words, std::string_view text,
                                                          std::size_t window) {
    if (window < 2) {
        throw error("A window of " + std::to_string(window) + " tokens has none to predict; give two or more.");
    }
    std::vector<std::uint32_t> ids;
    words.append(ids, text);
    auto const bos = words.vocabulary().options().bos;
    std::size_t const step = window - (bos ? 1 : 0);
    std::vector<std::vector<std::uint32_t>> windows;
    for (std::size_t at = 0; at < ids.size(); at += step) {
        std::vector<std::uint32_t> one;
        if (bos) {
            one.push_back(*bos);
        }
        auto const rest = std::span(ids).subspan(at);
        std::ranges::copy(rest.first((std::min)(rest.size(), step)), std::back_inserter(one));
        if (one.size() > 1) {
            windows.push_back(std::move(one));
        }
    }
    return windows;
}

}  // namespace nibble::gemma3
