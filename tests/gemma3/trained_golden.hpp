// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/gemma3/trained_model.hpp>
#include <nibble/gemma3/training_pass.hpp>
#include <nibble/nn/loss.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <support/golden_model.hpp>

/// f(span of floats) for each parameter, or gradient, in the order of a file.
template <class Parameters, class F>
void for_each_span(Parameters& parameters, F&& f) {
    nibble::gemma3::for_each_parameter(
        [&](auto const&, std::uint32_t, auto& parameter) {
            if constexpr (requires { parameter.values; }) {
                f(std::span(parameter.values.data(), parameter.values.rows() * parameter.values.columns()));
            } else {
                f(std::span(parameter));
            }
        },
        parameters);
}

/// The sizes of tests/golden/gemma3-train.json.
inline constexpr nibble::gemma3::configuration trained_sizes{.hidden = 32,
                                                             .layers = 4,
                                                             .heads = 4,
                                                             .kv_heads = 2,
                                                             .head_dim = 16,
                                                             .ffn = 48,
                                                             .vocabulary = 64,
                                                             .window = 8,
                                                             .pattern = 3,
                                                             .context = 128,
                                                             .query_pre_attn_scalar = 20,
                                                             .rope_factor = 8};

/// gemma3-train under a recipe, its learned scales as its weights suggest them.
inline nibble::gemma3::trained_model trained_golden(nibble::gemma3::trained_recipe const& recipe) {
    golden_model const golden("gemma3-train");
    golden.check();
    auto parameters = nibble::gemma3::zero_parameters(trained_sizes);
    auto const tensors = golden_tensors(golden.sizes());
    std::size_t at = 0;
    for_each_span(parameters, [&](std::span<float> values) {
        auto const given = golden_values(golden.sizes().seed, tensors.at(at));
        bool const is_norm = tensors[at].shape.size() == 1;
        std::transform(given.begin(), given.end(), values.begin(), [&](float w) { return is_norm ? 1.0f + w : w; });
        ++at;
    });
    return nibble::gemma3::make_trained(nibble::cpu{}, trained_sizes, recipe, std::move(parameters));
}

template <auto Recipe, bool LearnScales = false>
nibble::gemma3::trained_model trained_golden() {
    return trained_golden(nibble::gemma3::trained_recipe_of<Recipe, LearnScales>());
}

/// Its two texts, one after the other.
inline std::vector<std::uint32_t> trained_ids() {
    auto const tokens = golden_model("gemma3-train").tokens();
    return {tokens.begin(), tokens.end()};
}
inline constexpr std::size_t trained_tokens = 20;

/// Texts with the id behind each, none behind the last of a text.
struct texts_to_learn {
    std::vector<std::uint32_t> ids, next;
    std::size_t tokens;

    texts_to_learn(std::vector<std::uint32_t> all, std::size_t length)
        : ids(std::move(all)), next(ids.size(), nibble::no_target), tokens(length) {
        for (std::size_t i = 0; i + 1 < ids.size(); ++i) {
            next[i] = (i + 1) % length != 0 ? ids[i + 1] : nibble::no_target;
        }
    }
    nibble::gemma3::training_batch batch() const { return {ids, next, tokens}; }
    double asked() const { return static_cast<double>(ids.size() - ids.size() / tokens); }
};

inline texts_to_learn golden_texts() { return {trained_ids(), trained_tokens}; }
