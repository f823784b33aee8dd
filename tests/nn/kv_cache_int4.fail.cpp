// SPDX-License-Identifier: Apache-2.0
// expect: "role::kv_cache takes keep<float>, keep<f16> or keep<bf16>"
#include <nibble/nn/recipe.hpp>

using namespace nibble;

constexpr auto r = recipe(role::otherwise = keep<bf16>, role::kv_cache = use<q4_0>);
