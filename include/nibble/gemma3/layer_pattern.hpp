// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/numeric/error.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace nibble::gemma3 {

/// The pattern of a list that says of each layer whether it is global: every pattern-th layer is, counted from 1. A
/// list without a global layer has the pattern layers + 1. Throws nibble::error for a list that is not periodic.
inline std::uint32_t pattern_of(std::vector<bool> const& is_global) {
    std::uint32_t pattern = 0;
    for (std::uint32_t layer = 0; layer < is_global.size(); ++layer) {
        if (pattern == 0 && is_global[layer]) {
            pattern = layer + 1;
        }
        bool const expected = pattern != 0 && (layer + 1) % pattern == 0;
        if (is_global[layer] != expected) {
            throw error("The list of layer types is not periodic: layer " + std::to_string(layer) + " is " +
                        (expected ? "local" : "global") + ", but the first global layer is layer " +
                        std::to_string(pattern - 1) + "; only a model with every n-th layer global can be run.");
        }
    }
    return pattern == 0 ? static_cast<std::uint32_t>(is_global.size()) + 1 : pattern;
}

}  // namespace nibble::gemma3
