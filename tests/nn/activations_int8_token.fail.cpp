// SPDX-License-Identifier: Apache-2.0
// expect: "role::activations takes keep<float>, keep<bf16> or use<int8_activations>"
#include <nibble/nn/recipe.hpp>

using namespace nibble;

constexpr auto r = recipe(role::otherwise = keep<bf16>, role::activations = use<int8_token>);
