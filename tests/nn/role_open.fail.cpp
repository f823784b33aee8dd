// SPDX-License-Identifier: Apache-2.0
// expect: "needs a choice for embedding, attention and mlp"
#include <nibble/nn/recipe.hpp>

using namespace nibble;

constexpr auto r = recipe(role::embedding = keep<bf16>, role::mlp = use<q4_0>);
