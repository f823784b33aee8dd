// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

/// The `count` ids that a model writes behind the prompt, each the one of the largest logit.
inline std::vector<std::uint32_t> greedy(nibble::gemma3::model<> const& m, std::span<std::uint32_t const> prompt,
                                         std::size_t count) {
    nibble::gemma3::kv_cache cache(m.config, prompt.size() + count, 32);
    nibble::matrix<float> logits(1, m.config.vocabulary);
    nibble::gemma3::forward(nibble::cpu{}, m, cache, prompt, logits);
    std::vector<std::uint32_t> ids;
    while (ids.size() < count) {
        auto const row = logits.row(0);
        ids.push_back(static_cast<std::uint32_t>(std::max_element(row.begin(), row.end()) - row.begin()));
        nibble::gemma3::forward(nibble::cpu{}, m, cache, std::span(&ids.back(), 1), logits);
    }
    return ids;
}
