// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/gemma3/checkpoint.hpp>
#include <nibble/tensor/backend.hpp>

namespace program {

/// nibble::gemma3::require_finite, compiled once, in engine.cpp.
void require_finite(nibble::cpu where, nibble::gemma3::checkpoint const& file);

}  // namespace program
