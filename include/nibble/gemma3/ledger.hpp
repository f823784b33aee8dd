// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/gemma3/configuration.hpp>
#include <nibble/gemma3/tensor_names.hpp>
#include <nibble/nn/recipe.hpp>
#include <nibble/tensor/tensor_bytes.hpp>

#include <algorithm>
#include <cstdint>

namespace nibble {

/// What a Gemma 3 model of one configuration costs under one recipe.
template <auto Recipe>
struct ledger_of {
    gemma3::configuration configuration;

    /// Bytes of all tensors at rest: the matrices by their roles, the norms as f32. A file adds its header and padding.
    std::uint64_t weight_bytes = 0;

    /// Bytes of weights read for one decoded token: every tensor once, the embedding as the head, and the row of the
    /// token. Attention reads kv_cache_bytes(tokens so far) on top.
    std::uint64_t bytes_read_per_token = 0;

    /// Products of a weight and an activation for one decoded token, the head included.
    std::uint64_t multiply_adds = 0;

    explicit constexpr ledger_of(gemma3::configuration const& c) : configuration(c) {
        for_each_tensor(c, [this](auto entry, std::uint32_t) {
            if constexpr (entry.is_matrix) {
                using stored = scheme_for<Recipe, entry.role>;
                weight_bytes += tensor_bytes<stored>(entry.rows(configuration), entry.columns(configuration));
                multiply_adds += entry.count(configuration);
            } else {
                weight_bytes += tensor_bytes<float>(entry.rows(configuration), entry.columns(configuration));
            }
        });
        bytes_read_per_token = weight_bytes + tensor_bytes<scheme_for<Recipe, role::embedding>>(1, c.hidden);
    }

    /// Bytes of keys and values after `context` tokens: a row of head_dim for each layer, KV head and token; a local
    /// layer keeps the last `window` tokens.
    constexpr std::uint64_t kv_cache_bytes(std::uint64_t context) const {
        return 2 * tensor_bytes<scheme_for<Recipe, role::kv_cache>>(tokens_seen(context) * configuration.kv_heads,
                                                                    configuration.head_dim);
    }

    /// Products of q · k and p · v for one decoded token that sees `context` tokens, its own included.
    constexpr std::uint64_t attention_multiply_adds(std::uint64_t context) const {
        return 2 * tokens_seen(context) * configuration.query_width();
    }

private:
    /// The tokens that each layer sees, added over the layers.
    constexpr std::uint64_t tokens_seen(std::uint64_t context) const {
        std::uint64_t tokens = 0;
        for (std::uint32_t layer = 0; layer < configuration.layers; ++layer) {
            tokens += configuration.is_global(layer) ? context : std::min<std::uint64_t>(context, configuration.window);
        }
        return tokens;
    }
};

/// The ledger of a model as constants:
///     static_assert(ledger<gemma3_4b, recipes::q4_0>.weight_bytes < 3'000'000'000);
template <gemma3::configuration Configuration, auto Recipe>
inline constexpr ledger_of<Recipe> ledger{Configuration};

}  // namespace nibble
