// SPDX-License-Identifier: Apache-2.0
// expect: "a role takes use<Scheme> or keep<T>"
#include <nibble/nn/recipe.hpp>

using namespace nibble;

constexpr auto r = recipe(role::otherwise = q4_0{});
