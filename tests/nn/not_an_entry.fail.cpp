// SPDX-License-Identifier: Apache-2.0
// expect: "takes entries 'role = choice' only"
#include <nibble/nn/recipe.hpp>

using namespace nibble;

constexpr auto r = recipe(role::otherwise = keep<bf16>, use<q4_0>);
