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
#include <vector>

namespace nibble::gemma3 {

/// What a block computes on the way, for batches of `tokens`.
struct block_scratch {
    block_scratch(configuration const& c, std::size_t tokens)
        : normed(tokens, c.hidden), q(tokens, c.query_width()), k(tokens, c.key_width()), v(tokens, c.key_width()),
          mixed(tokens, c.query_width()), gate(tokens, c.ffn), up(tokens, c.ffn), out(tokens, c.hidden) {}

    matrix<float> normed, q, k, v, mixed, gate, up, out;
};

/// One block on the tokens behind those in the cache, in place:
///   h += norm(Wo · attention(rope(norm(q)), rope(norm(k)), v)),  q, k, v = Wq, Wk, Wv · norm(h)
///   h += norm(Wdown · (gelu(Wgate · f) ⊙ Wup · f)),              f = norm(h)
///   shape   h [tokens, hidden]; angles: positions of the tokens, by the layer's RoPE
///   source  Gemma Team, "Gemma 3 Technical Report", arXiv:2503.19786
template <class W>
void forward(cpu where, configuration const& c, block_parameters<W, std::vector<float>> const& w, std::uint32_t layer,
             rotation const& angles, activation_kind kind, kv_cache& cache, block_scratch& s, matrix_view<float> h) {
    auto const heads = [&](matrix<float>& x, std::size_t count) {
        return matrix_view<float>(x.data(), x.rows() * count, c.head_dim);
    };
    rms_norm(where, h, w.attn_norm, c.rms_epsilon, s.normed);
    linear(where, kind, s.normed, w.attn_q, s.q);
    linear(where, kind, s.normed, w.attn_k, s.k);
    linear(where, kind, s.normed, w.attn_v, s.v);
    rms_norm(where, heads(s.q, c.heads), w.attn_q_norm, c.rms_epsilon, heads(s.q, c.heads));
    rms_norm(where, heads(s.k, c.kv_heads), w.attn_k_norm, c.rms_epsilon, heads(s.k, c.kv_heads));
    rotate(where, s.q, angles);
    rotate(where, s.k, angles);
    cache.put(layer, s.k, s.v);
    attention(where, s.q, cache.view(layer), cache.length(), c.is_global(layer) ? 0 : c.window, c.query_scale(),
              s.mixed);
    linear(where, kind, s.mixed, w.attn_output, s.out);
    add_rms_norm(where, s.out, w.post_attention_norm, c.rms_epsilon, h);

    rms_norm(where, h, w.ffn_norm, c.rms_epsilon, s.normed);
    linear(where, kind, s.normed, w.ffn_gate, s.gate);
    linear(where, kind, s.normed, w.ffn_up, s.up);
    geglu(where, s.gate, s.up, s.gate);
    linear(where, kind, s.gate, w.ffn_down, s.out);
    add_rms_norm(where, s.out, w.post_ffw_norm, c.rms_epsilon, h);
}

}  // namespace nibble::gemma3
