// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/gemma3/configuration.hpp>

#include <cstdint>

/// Two layers whose rows of 96 are whole groups of 32 and not of 64.
constexpr nibble::gemma3::configuration small_model(std::uint32_t vocabulary) {
    return {.hidden = 64,
            .layers = 2,
            .heads = 2,
            .kv_heads = 1,
            .head_dim = 32,
            .ffn = 96,
            .vocabulary = vocabulary,
            .window = 16,
            .pattern = 2,
            .context = 64,
            .query_pre_attn_scalar = 32};
}
