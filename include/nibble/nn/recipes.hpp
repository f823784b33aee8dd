// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/nn/recipe.hpp>
#include <nibble/numeric/error.hpp>

#include <boost/hana/for_each.hpp>
#include <boost/hana/tuple.hpp>

#include <string>
#include <string_view>
#include <utility>

namespace nibble {

/// Recipes that have a name. Weights of integer schemes meet int8 activations, float weights meet f32 activations;
/// the cache is f32.
namespace recipes {

template <auto Weights>
inline constexpr auto all_int8 = recipe(role::otherwise = Weights, role::activations = use<int8_activations>);

inline constexpr auto f32 = recipe(role::otherwise = keep<float>);
inline constexpr auto bf16 = recipe(role::otherwise = keep<nibble::bf16>);
inline constexpr auto f16 = recipe(role::otherwise = keep<nibble::f16>);
inline constexpr auto q8_0 = all_int8<use<nibble::q8_0>>;
inline constexpr auto q5_1 = all_int8<use<nibble::q5_1>>;
inline constexpr auto q5_0 = all_int8<use<nibble::q5_0>>;
inline constexpr auto q4_1 = all_int8<use<nibble::q4_1>>;
inline constexpr auto q4_0 = all_int8<use<nibble::q4_0>>;
inline constexpr auto q4_0_f16 = recipe(role::embedding = keep<nibble::f16>, role::otherwise = use<nibble::q4_0>,
                                        role::activations = use<int8_activations>);
inline constexpr auto int8_channel = all_int8<use<nibble::int8_channel>>;
inline constexpr auto int4_g32 = all_int8<use<nibble::int4_g32>>;
inline constexpr auto int4_g128 = all_int8<use<nibble::int4_g128>>;
inline constexpr auto int3_g64 = all_int8<use<nibble::int3_g64>>;
inline constexpr auto mixed =
    recipe(role::embedding = use<nibble::int8_channel>, role::attention = use<nibble::int4_g32>,
           role::mlp = use<nibble::int3_g64>, role::activations = use<int8_activations>);

}  // namespace recipes

/// A line of the table; `recipe` is a constant of the type.
template <auto Recipe>
struct named_recipe {
    static constexpr auto recipe = Recipe;
    std::string_view name;
    std::string_view description;
};

/// The one list of recipes that have a name.
inline constexpr auto named_recipes = boost::hana::make_tuple(
    named_recipe<recipes::f32>{"f32", "all weights as f32"}, named_recipe<recipes::bf16>{"bf16", "all weights as bf16"},
    named_recipe<recipes::f16>{"f16", "all weights as f16"},
    named_recipe<recipes::q8_0>{"q8_0", "ggml's 8 bits in blocks of 32, embedding included"},
    named_recipe<recipes::q5_1>{"q5_1", "ggml's 5 bits and an offset in blocks of 32, embedding included"},
    named_recipe<recipes::q5_0>{"q5_0", "ggml's 5 bits in blocks of 32, embedding included"},
    named_recipe<recipes::q4_1>{"q4_1", "ggml's 4 bits and an offset in blocks of 32, embedding included"},
    named_recipe<recipes::q4_0>{"q4_0", "ggml's 4 bits in blocks of 32, embedding included"},
    named_recipe<recipes::q4_0_f16>{"q4_0_f16", "ggml's 4 bits in blocks of 32, embedding as f16"},
    named_recipe<recipes::int8_channel>{"int8_channel", "8 bits, one scale a row"},
    named_recipe<recipes::int4_g32>{"int4_g32", "4 bits in groups of 32"},
    named_recipe<recipes::int4_g128>{"int4_g128", "4 bits in groups of 128"},
    named_recipe<recipes::int3_g64>{"int3_g64", "3 bits in groups of 64"},
    named_recipe<recipes::mixed>{"mixed", "mlp 3 bits in groups of 64, attention 4 bits in groups of 32, embedding "
                                          "8 bits a row"});

/// f(named_recipe<…>) for each line, in order.
template <class F>
constexpr void for_each_recipe(F&& f) {
    boost::hana::for_each(named_recipes, std::forward<F>(f));
}

/// f(named_recipe<…>) for the recipe of this name: from a word at run time to a type. Throws nibble::error for a name
/// that is not in the table.
template <class F>
void with_recipe(std::string_view name, F&& f) {
    bool found = false;
    std::string names;
    for_each_recipe([&](auto const& entry) {
        if (entry.name == name) {
            found = true;
            f(entry);
        }
        names.append(names.empty() ? "" : ", ").append(entry.name);
    });
    if (!found) {
        throw error("'" + std::string(name) + "' is not the name of a recipe; choose one of " + names + ".");
    }
}

}  // namespace nibble
