// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/gemma3/configuration.hpp>
#include <nibble/gemma3/tensor_names.hpp>
#include <nibble/nn/recipe.hpp>
#include <nibble/tensor/packed_view.hpp>

#include <cstdint>

/// Whether every matrix of the model has rows that its scheme in the recipe takes.
template <auto Recipe>
bool takes(nibble::gemma3::configuration const& c) {
    bool all = true;
    for_each_tensor(c, [&](auto entry, std::uint32_t) {
        if constexpr (entry.is_matrix) {
            using stored = nibble::scheme_for<Recipe, entry.role>;
            if constexpr (nibble::quantization_scheme<stored>) {
                nibble::packed_layout<nibble::storage_of<stored>> const layout{entry.rows(c), entry.columns(c)};
                all = all && layout.has_allowed_tail();
            }
        }
    });
    return all;
}
