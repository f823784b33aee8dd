// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/gemma3/configuration.hpp>
#include <nibble/gemma3/kv_cache.hpp>
#include <nibble/gemma3/tensor_names.hpp>
#include <nibble/nn/attention.hpp>
#include <nibble/nn/gelu.hpp>
#include <nibble/nn/linear.hpp>
#include <nibble/nn/rms_norm.hpp>
#include <nibble/nn/rope.hpp>
#include <nibble/tensor/backend.hpp>
#include <nibble/tensor/matrix.hpp>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace nibble::gemma3 {

/// What a block computes on the way, for `tokens` tokens: what its products and norms are given, and what they give.
struct block_values {
    block_values(configuration const& c, std::size_t tokens)
        : attention_input(tokens, c.hidden), raw_q(tokens, c.query_width()), raw_k(tokens, c.key_width()),
          q(tokens, c.query_width()), k(tokens, c.key_width()), v(tokens, c.key_width()),
          mixed(tokens, c.query_width()), attention_output(tokens, c.hidden), mlp_input(tokens, c.hidden),
          gate(tokens, c.ffn), up(tokens, c.ffn), gated(tokens, c.ffn), mlp_output(tokens, c.hidden) {}

    matrix<float> attention_input, raw_q, raw_k, q, k, v, mixed, attention_output, mlp_input, gate, up, gated,
        mlp_output;
};

/// What the matrices of a block are multiplied with: q, k and v share an input, and so do gate and up.
enum class block_input : std::uint8_t {
    attention,  ///< of q, k and v
    mixed,      ///< of o
    mlp,        ///< of gate and up
    gated       ///< of down
};

/// The product of an input and a matrix of a block.
struct apply_linear {
    template <class W>
    void operator()(cpu where, activation_kind kind, block_input /*input*/, matrix_view<float const> x, W const& w,
                    matrix_view<float> y) const {
        linear(where, kind, x, w, y);
    }
};

/// Tokens that stand behind those in a cache and see them.
struct mix_behind_cache {
    std::uint32_t layer;
    rotation const& angles;  ///< of their positions, by the layer's RoPE
    kv_cache& cache;

    /// mixed = attention(rope(q), rope(k), v); q and k stay rotated.
    void operator()(cpu where, configuration const& c, matrix_view<float> q, matrix_view<float> k,
                    matrix_view<float const> v, matrix_view<float> mixed) const {
        rotate(where, q, angles);
        rotate(where, k, angles);
        cache.put(layer, k, v);
        attention(where, q, cache.view(layer), cache.length(), c.is_global(layer) ? 0 : c.window, c.query_scale(),
                  mixed);
    }
};

/// Head after head as rows: [tokens, heads · D] -> [tokens · heads, D].
template <class T>
matrix_view<T> rows_of_heads(matrix_view<T> x, std::size_t head_dim) {
    return {x.data(), x.rows() * x.columns() / head_dim, head_dim};
}

/// One block, in place:
///   h += norm(Wo · attention(rope(norm(q)), rope(norm(k)), v)),  q, k, v = Wq, Wk, Wv · norm(h)
///   h += norm(Wdown · (gelu(Wgate · f) ⊙ Wup · f)),              f = norm(h)
///   shape   h [tokens, hidden]
///   mix     mix(where, c, q, k, v, mixed) places the tokens and lets them see others: mix_behind_cache
///   apply   apply(where, kind, block_input, x, w, y) is asked for every product, which lets it look at the inputs
///   source  Gemma Team, "Gemma 3 Technical Report", arXiv:2503.19786
template <class W, class Mix, class Linear = apply_linear>
void forward(cpu where, configuration const& c, block_parameters<W, std::vector<float>> const& w, activation_kind kind,
             Mix const& mix, block_values& s, matrix_view<float> h, Linear const& apply = {}) {
    auto const head_norm = [&](matrix_view<float const> x, std::vector<float> const& factor, matrix_view<float> y) {
        rms_norm(where, rows_of_heads(x, c.head_dim), factor, c.rms_epsilon, rows_of_heads(y, c.head_dim));
    };
    rms_norm(where, h, w.attn_norm, c.rms_epsilon, s.attention_input);
    apply(where, kind, block_input::attention, s.attention_input, w.attn_q, s.raw_q);
    apply(where, kind, block_input::attention, s.attention_input, w.attn_k, s.raw_k);
    apply(where, kind, block_input::attention, s.attention_input, w.attn_v, s.v);
    head_norm(s.raw_q, w.attn_q_norm, s.q);
    head_norm(s.raw_k, w.attn_k_norm, s.k);
    mix(where, c, s.q, s.k, s.v, s.mixed);
    apply(where, kind, block_input::mixed, s.mixed, w.attn_output, s.attention_output);
    add_rms_norm(where, s.attention_output, w.post_attention_norm, c.rms_epsilon, h);

    rms_norm(where, h, w.ffn_norm, c.rms_epsilon, s.mlp_input);
    apply(where, kind, block_input::mlp, s.mlp_input, w.ffn_gate, s.gate);
    apply(where, kind, block_input::mlp, s.mlp_input, w.ffn_up, s.up);
    geglu(where, s.gate, s.up, s.gated);
    apply(where, kind, block_input::gated, s.gated, w.ffn_down, s.mlp_output);
    add_rms_norm(where, s.mlp_output, w.post_ffw_norm, c.rms_epsilon, h);
}

}  // namespace nibble::gemma3
