// SPDX-License-Identifier: Apache-2.0
// expect: "so a recipe to write cannot have schemes whose rows share a scale"
#include <nibble/gemma3/export.hpp>

using namespace nibble;

constexpr auto r = recipe(role::otherwise = use<scheme<bits<8>, per_tensor>>);

void f(gguf_writer& writer) { gemma3::add_tensors<r>(writer, gemma3_tiny); }
