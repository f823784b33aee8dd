// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "output.hpp"

#include <nibble/gemma3/configuration.hpp>
#include <nibble/gemma3/configuration_json_writer.hpp>

namespace program {

/// A configuration for people and scripts, under the names of its members.
inline json to_json(nibble::gemma3::configuration const& c) {
    using nibble::gemma3::detail::decimal;
    return {{"hidden", c.hidden},
            {"layers", c.layers},
            {"heads", c.heads},
            {"kv_heads", c.kv_heads},
            {"head_dim", c.head_dim},
            {"ffn", c.ffn},
            {"vocabulary", c.vocabulary},
            {"window", c.window},
            {"pattern", c.pattern},
            {"context", c.context},
            {"query_pre_attn_scalar", decimal(c.query_pre_attn_scalar)},
            {"rope_factor", decimal(c.rope_factor)},
            {"rms_epsilon", decimal(c.rms_epsilon)},
            {"rope_base", decimal(c.rope_base)},
            {"rope_base_local", decimal(c.rope_base_local)}};
}

}  // namespace program
