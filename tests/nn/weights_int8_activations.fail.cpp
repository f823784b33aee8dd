// SPDX-License-Identifier: Apache-2.0
// expect: "a role of weights takes a scheme"
#include <nibble/nn/recipe.hpp>

using namespace nibble;

constexpr auto r = recipe(role::otherwise = use<int8_activations>);
