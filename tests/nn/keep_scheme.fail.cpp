// SPDX-License-Identifier: Apache-2.0
// expect: "needs T to be float, f16 or bf16; for codes use<Scheme>"
#include <nibble/nn/recipe.hpp>

using namespace nibble;

constexpr auto r = recipe(role::otherwise = keep<q4_0>);
