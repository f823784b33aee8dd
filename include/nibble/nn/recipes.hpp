// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/nn/recipe.hpp>
#include <nibble/numeric/error.hpp>

#include <string>
#include <string_view>
#include <utility>

namespace nibble {

/// Recipes that have a name. Weights of integer schemes meet int8 activations, float weights meet f32 activations;
/// the cache is f32.
namespace recipes {

template <auto Weights>
inline constexpr auto all_int8 = recipe(role::otherwise = Weights, role::activations = use<int8_activations>);
/// The embedding, which is the head too, as `Embedding`.
template <auto Weights, auto Embedding>
inline constexpr auto int8_but_embedding =
    recipe(role::embedding = Embedding, role::otherwise = Weights, role::activations = use<int8_activations>);

inline constexpr auto f32 = recipe(role::otherwise = keep<float>);
inline constexpr auto bf16 = recipe(role::otherwise = keep<nibble::bf16>);
inline constexpr auto f16 = recipe(role::otherwise = keep<nibble::f16>);
inline constexpr auto q8_0 = all_int8<use<nibble::q8_0>>;
inline constexpr auto q5_1 = all_int8<use<nibble::q5_1>>;
inline constexpr auto q5_0 = all_int8<use<nibble::q5_0>>;
inline constexpr auto q4_1 = all_int8<use<nibble::q4_1>>;
inline constexpr auto q4_0 = all_int8<use<nibble::q4_0>>;
inline constexpr auto q4_0_f16 = int8_but_embedding<use<nibble::q4_0>, keep<nibble::f16>>;
inline constexpr auto q6_k = all_int8<use<nibble::q6_k>>;
inline constexpr auto q5_k = int8_but_embedding<use<nibble::q5_k>, use<nibble::q6_k>>;
inline constexpr auto q4_k = int8_but_embedding<use<nibble::q4_k>, use<nibble::q6_k>>;
inline constexpr auto q3_k = int8_but_embedding<use<nibble::q3_k>, use<nibble::q6_k>>;
inline constexpr auto q2_k = int8_but_embedding<use<nibble::q2_k>, use<nibble::q6_k>>;
inline constexpr auto iq4_nl = int8_but_embedding<use<nibble::iq4_nl>, use<nibble::q8_0>>;
inline constexpr auto mxfp4 = int8_but_embedding<use<nibble::mxfp4>, use<nibble::q8_0>>;
inline constexpr auto int8_channel = all_int8<use<nibble::int8_channel>>;
inline constexpr auto int4_channel = all_int8<use<nibble::int4_channel>>;
inline constexpr auto int4_g32 = all_int8<use<nibble::int4_g32>>;
inline constexpr auto int4_g128 = all_int8<use<nibble::int4_g128>>;
inline constexpr auto int3_g64 = all_int8<use<nibble::int3_g64>>;
inline constexpr auto int3_g32 = all_int8<use<nibble::int3_g32>>;
inline constexpr auto int2_g32 = all_int8<use<nibble::int2_g32>>;
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

/// The one list of recipes that have a name: f(named_recipe<…>) for each, in order.
template <class F>
constexpr void for_each_recipe(F&& f) {
    f(named_recipe<recipes::f32>{"f32", "all weights as f32"});
    f(named_recipe<recipes::bf16>{"bf16", "all weights as bf16"});
    f(named_recipe<recipes::f16>{"f16", "all weights as f16"});
    f(named_recipe<recipes::q8_0>{"q8_0", "ggml's 8 bits in blocks of 32, embedding included"});
    f(named_recipe<recipes::q5_1>{"q5_1", "ggml's 5 bits and an offset in blocks of 32, embedding included"});
    f(named_recipe<recipes::q5_0>{"q5_0", "ggml's 5 bits in blocks of 32, embedding included"});
    f(named_recipe<recipes::q4_1>{"q4_1", "ggml's 4 bits and an offset in blocks of 32, embedding included"});
    f(named_recipe<recipes::q4_0>{"q4_0", "ggml's 4 bits in blocks of 32, embedding included"});
    f(named_recipe<recipes::q4_0_f16>{"q4_0_f16", "ggml's 4 bits in blocks of 32, embedding as f16"});
    f(named_recipe<recipes::q6_k>{"q6_k", "ggml's 6 bits in blocks of 256, embedding included"});
    f(named_recipe<recipes::q5_k>{"q5_k", "ggml's 5 bits in blocks of 256, embedding as q6_k"});
    f(named_recipe<recipes::q4_k>{"q4_k", "ggml's 4 bits in blocks of 256, embedding as q6_k"});
    f(named_recipe<recipes::q3_k>{"q3_k", "ggml's 3 bits in blocks of 256, embedding as q6_k"});
    f(named_recipe<recipes::q2_k>{"q2_k", "ggml's 2 bits in blocks of 256, embedding as q6_k"});
    f(named_recipe<recipes::iq4_nl>{"iq4_nl", "ggml's 16 uneven levels in blocks of 32, embedding as q8_0"});
    f(named_recipe<recipes::mxfp4>{"mxfp4", "OCP's e2m1 in blocks of 32, embedding as q8_0"});
    f(named_recipe<recipes::int8_channel>{"int8_channel", "8 bits, one scale a row"});
    f(named_recipe<recipes::int4_channel>{"int4_channel", "4 bits, one scale a row"});
    f(named_recipe<recipes::int4_g32>{"int4_g32", "4 bits in groups of 32"});
    f(named_recipe<recipes::int4_g128>{"int4_g128", "4 bits in groups of 128"});
    f(named_recipe<recipes::int3_g64>{"int3_g64", "3 bits in groups of 64"});
    f(named_recipe<recipes::int3_g32>{"int3_g32", "3 bits in groups of 32"});
    f(named_recipe<recipes::int2_g32>{"int2_g32", "2 bits in groups of 32"});
    f(named_recipe<recipes::mixed>{"mixed", "mlp 3 bits in groups of 64, attention 4 bits in groups of 32, embedding "
                                            "8 bits a row"});
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
