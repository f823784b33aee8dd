// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/numeric/error.hpp>

#include <array>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

namespace nibble {

namespace detail {

/// Square root by Newton's method, which falls until it stands: within an ulp of a double, so the float nearest to the
/// result is the float nearest to the root of every integer below 2^32.
constexpr double square_root(double x) {
    double root = x > 1 ? x : 1;
    for (double next = (root + x / root) / 2; next < root; next = (root + x / root) / 2) {
        root = next;
    }
    return root;
}

}  // namespace detail

namespace gemma3 {

/// The sizes and constants of one Gemma 3 text model. Equal values are one template argument.
struct configuration {
    std::uint32_t hidden = 0;      ///< width of the residual stream
    std::uint32_t layers = 0;      ///< blocks
    std::uint32_t heads = 0;       ///< query heads
    std::uint32_t kv_heads = 0;    ///< key and value heads; query head h reads head h / (heads / kv_heads)
    std::uint32_t head_dim = 0;    ///< width of a head; heads · head_dim need not be hidden
    std::uint32_t ffn = 0;         ///< width of gate and up
    std::uint32_t vocabulary = 0;  ///< rows of the embedding
    std::uint32_t window = 0;      ///< tokens a local layer sees, its own included; 0: all layers are global
    std::uint32_t pattern = 6;     ///< every pattern-th layer is global
    std::uint32_t context = 0;     ///< tokens the model was trained for
    float query_pre_attn_scalar = 256;
    float rope_factor = 1;  ///< positions are divided by it in global layers
    float rms_epsilon = 1e-6f;
    float rope_base = 1e6f;        ///< of global layers
    float rope_base_local = 1e4f;  ///< of local layers

    /// `layer` counts from 0, the pattern from 1: with a pattern of 6, layers 5, 11, 17, … are global.
    constexpr bool is_global(std::uint32_t layer) const { return window == 0 || (layer + 1) % pattern == 0; }

    /// √hidden, rounded to f32: what a row of the embedding is multiplied by on its way in.
    constexpr float embedding_scale() const {
        return static_cast<float>(detail::square_root(static_cast<double>(hidden)));
    }

    /// 1 / √query_pre_attn_scalar, rounded to f32: what q · k is multiplied by.
    constexpr float query_scale() const {
        return static_cast<float>(1 / detail::square_root(static_cast<double>(query_pre_attn_scalar)));
    }

    constexpr std::uint32_t query_width() const { return heads * head_dim; }   ///< rows of q, columns of o
    constexpr std::uint32_t key_width() const { return kv_heads * head_dim; }  ///< rows of k and of v

    friend constexpr bool operator==(configuration const&, configuration const&) = default;
};

/// Throws nibble::error where a value is out of range. Afterwards every width fits 32 bits; the bits of all weights and
/// the bytes of a cache fit 64.
inline void validate(configuration const& c) {
    auto const check = [](bool holds, char const* what, auto value, char const* rule) {
        if (!holds) {
            throw error(std::string("Gemma 3 configuration: ") + what + " is " + std::to_string(value) + "; it must " +
                        rule + ".");
        }
    };
    constexpr std::uint32_t widest = 1u << 20;
    auto const width = [&](std::uint32_t value, char const* what) {
        check(value >= 1 && value <= widest, what, value, "be 1 to 2^20");
    };
    width(c.hidden, "the hidden size");
    width(c.heads, "the number of heads");
    width(c.kv_heads, "the number of KV heads");
    width(c.head_dim, "the head size");
    width(c.ffn, "the feed-forward size");
    check(c.layers >= 1 && c.layers <= 512, "the number of layers", c.layers, "be 1 to 512");
    check(c.vocabulary >= 1 && c.vocabulary <= 1u << 24, "the vocabulary size", c.vocabulary, "be 1 to 2^24");
    check(c.window <= 1u << 30, "the sliding window", c.window, "be at most 2^30");
    check(c.pattern >= 1 && c.pattern <= 1u << 30, "the sliding-window pattern", c.pattern, "be 1 to 2^30");
    check(c.context >= 1 && c.context <= 1u << 30, "the context length", c.context, "be 1 to 2^30");
    check(c.heads % c.kv_heads == 0, "the number of heads", c.heads, "be a multiple of the number of KV heads");
    check(c.head_dim % 2 == 0, "the head size", c.head_dim, "be even, as RoPE turns pairs");
    check(std::uint64_t{c.heads} * c.head_dim <= widest, "the width of all heads", std::uint64_t{c.heads} * c.head_dim,
          "be at most 2^20");
    auto const positive = [&](float value, char const* what) {
        check(value > 0 && value <= (std::numeric_limits<float>::max)(), what, value, "be positive and finite");
    };
    positive(c.query_pre_attn_scalar, "query_pre_attn_scalar");
    positive(c.rms_epsilon, "the epsilon of RMS norms");
    positive(c.rope_base, "the RoPE base of global layers");
    positive(c.rope_base_local, "the RoPE base of local layers");
    positive(c.rope_factor, "the RoPE factor");
}

}  // namespace gemma3

// The members in order: hidden, layers, heads, KV heads, head size, ffn, vocabulary, window, pattern, context;
// query_pre_attn_scalar, RoPE factor.
//   source  Gemma Team, "Gemma 3 Technical Report", arXiv:2503.19786, and the config.json of the published checkpoints
inline constexpr gemma3::configuration gemma3_270m{640, 18, 4, 1, 256, 2048, 262144, 512, 6, 32768, 256};
inline constexpr gemma3::configuration gemma3_1b{1152, 26, 4, 1, 256, 6912, 262144, 512, 6, 32768, 256};
inline constexpr gemma3::configuration gemma3_4b{2560, 34, 8, 4, 256, 10240, 262144, 1024, 6, 131072, 256, 8};
inline constexpr gemma3::configuration gemma3_12b{3840, 48, 16, 8, 256, 15360, 262144, 1024, 6, 131072, 256, 8};
inline constexpr gemma3::configuration gemma3_27b{5376, 62, 32, 16, 128, 21504, 262144, 1024, 6, 131072, 168, 8};

/// 6.6 million parameters, to train from nothing.
inline constexpr gemma3::configuration gemma3_tiny{256, 8, 4, 1, 64, 768, 2048, 64, 6, 32768, 64};

namespace gemma3 {

struct named_configuration {
    std::string_view name;
    configuration value;
};

inline constexpr std::array<named_configuration, 6> configurations{{
    {"270m", gemma3_270m},
    {"1b", gemma3_1b},
    {"4b", gemma3_4b},
    {"12b", gemma3_12b},
    {"27b", gemma3_27b},
    {"tiny", gemma3_tiny},
}};

/// The configuration of this name; throws nibble::error for a name that is not in the table.
inline configuration const& find_configuration(std::string_view name) {
    std::string names;
    for (auto const& entry : configurations) {
        if (entry.name == name) {
            return entry.value;
        }
        names.append(names.empty() ? "" : ", ").append(entry.name);
    }
    throw error("'" + std::string(name) + "' is not the name of a Gemma 3 size; choose one of " + names + ".");
}

}  // namespace gemma3
}  // namespace nibble
