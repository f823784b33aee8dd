// SPDX-License-Identifier: Apache-2.0
// expect: "takes each role at most once"
#include <nibble/nn/recipe.hpp>

using namespace nibble;

constexpr auto r = recipe(role::mlp = keep<bf16>, role::mlp = use<q4_0>, role::otherwise = keep<bf16>);
