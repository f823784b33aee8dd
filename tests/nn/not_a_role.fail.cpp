// SPDX-License-Identifier: Apache-2.0
// expect: "one of the roles of nibble::role"
#include <nibble/nn/recipe.hpp>

using namespace nibble;

using chosen = scheme_for<recipe(role::otherwise = keep<bf16>), 3>;
