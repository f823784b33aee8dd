// SPDX-License-Identifier: Apache-2.0
// expect: "for a float type keep<T>"
#include <nibble/nn/recipe.hpp>

using namespace nibble;

constexpr auto r = recipe(role::otherwise = use<float>);
