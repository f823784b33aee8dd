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

/// What a block computes on the way, for batches of `tokens`.
struct block_scratch {
    block_scratch(configuration const& c, std::size_t tokens)
        : normed(tokens, c.hidden), q(tokens, c.query_width()), k(tokens, c.key_width()), v(tokens, c.key_width()),
          mixed(tokens, c.query_width()), gate(tokens, c.ffn), up(tokens, c.ffn), out(tokens, c.hidden) {}

    matrix<float> normed, q, k, v, mixed, gate, up, out;
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

/// One block on the tokens behind those in the cache, in place:
///   h += norm(Wo · attention(rope(norm(q)), rope(norm(k)), v)),  q, k, v = Wq, Wk, Wv · norm(h)
///   h += norm(Wdown · (gelu(Wgate · f) ⊙ Wup · f)),              f = norm(h)
///   shape   h [tokens, hidden]; angles: positions of the tokens, by the layer's RoPE
///   apply   apply(where, kind, block_input, x, w, y) is asked for every product, which lets it look at the inputs
///   source  Gemma Team, "Gemma 3 Technical Report", arXiv:2503.19786
template <class W, class Linear = apply_linear>
void forward(cpu where, configuration const& c, block_parameters<W, std::vector<float>> const& w, std::uint32_t layer,
             rotation const& angles, activation_kind kind, kv_cache& cache, block_scratch& s, matrix_view<float> h,
             Linear const& apply = {}) {
    auto const heads = [&](matrix<float>& x, std::size_t count) {
        return matrix_view<float>(x.data(), x.rows() * count, c.head_dim);
    };
    rms_norm(where, h, w.attn_norm, c.rms_epsilon, s.normed);
    apply(where, kind, block_input::attention, s.normed, w.attn_q, s.q);
    apply(where, kind, block_input::attention, s.normed, w.attn_k, s.k);
    apply(where, kind, block_input::attention, s.normed, w.attn_v, s.v);
    rms_norm(where, heads(s.q, c.heads), w.attn_q_norm, c.rms_epsilon, heads(s.q, c.heads));
    rms_norm(where, heads(s.k, c.kv_heads), w.attn_k_norm, c.rms_epsilon, heads(s.k, c.kv_heads));
    rotate(where, s.q, angles);
    rotate(where, s.k, angles);
    cache.put(layer, s.k, s.v);
    attention(where, s.q, cache.view(layer), cache.length(), c.is_global(layer) ? 0 : c.window, c.query_scale(),
              s.mixed);
    apply(where, kind, block_input::mixed, s.mixed, w.attn_output, s.out);
    add_rms_norm(where, s.out, w.post_attention_norm, c.rms_epsilon, h);

    rms_norm(where, h, w.ffn_norm, c.rms_epsilon, s.normed);
    apply(where, kind, block_input::mlp, s.normed, w.ffn_gate, s.gate);
    apply(where, kind, block_input::mlp, s.normed, w.ffn_up, s.up);
    geglu(where, s.gate, s.up, s.gate);
    apply(where, kind, block_input::gated, s.gate, w.ffn_down, s.out);
    add_rms_norm(where, s.out, w.post_ffw_norm, c.rms_epsilon, h);
}

}  // namespace nibble::gemma3
