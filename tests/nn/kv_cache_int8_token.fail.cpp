// SPDX-License-Identifier: Apache-2.0
// expect: "keys and values are not quantized"
#include <nibble/nn/recipe.hpp>

using namespace nibble;

constexpr auto r = recipe(role::otherwise = keep<bf16>, role::kv_cache = use<int8_token>);
