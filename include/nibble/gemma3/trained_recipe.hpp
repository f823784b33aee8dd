// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/gemma3/block.hpp>
#include <nibble/gemma3/tensor_names.hpp>
#include <nibble/nn/attention.hpp>
#include <nibble/nn/linear.hpp>
#include <nibble/nn/recipe.hpp>
#include <nibble/nn/trained_as.hpp>
#include <nibble/nn/trained_weight.hpp>
#include <nibble/numeric/bf16.hpp>
#include <nibble/numeric/f16.hpp>

#include <concepts>

namespace nibble::gemma3 {

/// A recipe as training sees it, a value.
struct trained_recipe {
    trained_format const* embedding;
    trained_format const* attention;
    trained_format const* mlp;
    activation_kind activations;
    nibble::kv_type kv_type;

    /// The format of the matrices that are multiplied with this input.
    trained_format const& of(block_input input) const {
        return input == block_input::attention || input == block_input::mixed ? *attention : *mlp;
    }
};

namespace detail {

template <class T, bool Learned>
constexpr trained_format const* trained_choice() {
    if constexpr (Learned && has_learnable_scale<T>) {
        return &trained_as<with_learned_scale<T>>;
    } else {
        return &trained_as<T>;
    }
}

}  // namespace detail

/// `LearnScales`: by learned_step, whatever gradients the schemes of the recipe name, where has_learnable_scale.
template <auto Recipe, bool LearnScales = false>
constexpr trained_recipe trained_recipe_of() {
    using activations = scheme_for<Recipe, role::activations>;
    return {.embedding = detail::trained_choice<scheme_for<Recipe, role::embedding>, LearnScales>(),
            .attention = detail::trained_choice<scheme_for<Recipe, role::attention>, LearnScales>(),
            .mlp = detail::trained_choice<scheme_for<Recipe, role::mlp>, LearnScales>(),
            .activations = std::same_as<activations, float>  ? activation_kind::f32
                           : std::same_as<activations, bf16> ? activation_kind::bf16
                                                             : activation_kind::int8,
            .kv_type = kv_type_of<scheme_for<Recipe, role::kv_cache>>};
}

/// The format of an entry of the model.
template <class Role>
trained_format const& format_of(trained_recipe const& recipe, tensor_entry<Role> const& /*entry*/) {
    if constexpr (std::same_as<tensor_entry<Role>, embedding_entry>) {
        return *recipe.embedding;
    } else if constexpr (std::same_as<tensor_entry<Role>, attention_entry>) {
        return *recipe.attention;
    } else {
        static_assert(std::same_as<tensor_entry<Role>, mlp_entry>, "nibble: a norm has no format; it is f32 always");
        return *recipe.mlp;
    }
}

}  // namespace nibble::gemma3
