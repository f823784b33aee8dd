// SPDX-License-Identifier: Apache-2.0
// expect: "role::kv_cache takes keep<float>, keep<f16>, keep<bf16> or use<int8_token>"
#include <nibble/nn/recipe.hpp>

using namespace nibble;

constexpr auto r = recipe(role::otherwise = keep<bf16>, role::kv_cache = use<q4_0>);
