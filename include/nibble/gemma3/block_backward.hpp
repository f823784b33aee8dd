// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/gemma3/block.hpp>
#include <nibble/gemma3/configuration.hpp>
#include <nibble/gemma3/tensor_names.hpp>
#include <nibble/nn/attention_backward.hpp>
#include <nibble/nn/gelu_backward.hpp>
#include <nibble/nn/rms_norm.hpp>
#include <nibble/nn/rms_norm_backward.hpp>
#include <nibble/nn/rope.hpp>
#include <nibble/nn/rope_backward.hpp>
#include <nibble/tensor/backend.hpp>
#include <nibble/tensor/matrix.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace nibble::gemma3 {

/// Gradients on their way through a block, for batches of `tokens`.
struct block_gradients {
    block_gradients(configuration const& c, std::size_t tokens)
        : middle(tokens, c.hidden), output(tokens, c.hidden), input(tokens, c.hidden), q(tokens, c.query_width()),
          k(tokens, c.key_width()), v(tokens, c.key_width()), gate(tokens, c.ffn), up(tokens, c.ffn) {}

    matrix<float> middle;  ///< the hidden state between attention and MLP
    matrix<float> output, input, q, k, v, gate, up;
};

/// forward() of a block over whole texts, from its results back to what it was given and to its parameters.
///   h       [tokens, hidden], what entered the block; values: what it computed on the way
///   dh      in: the gradient of what left the block; out: of what entered it
///   angles  of the positions of one text, angles.count() of which make a text
///   apply   apply(block_input, x, w, dy, dx, add, dw) is asked for every product: dx = dy · ŵ, or dx += dy · ŵ where
///           `add`, and what dy and x give is added to dw
///   result  gradients of the parameters are added to g
template <class W, class G, class Linear>
void backward(cpu where, configuration const& c, block_parameters<W, std::vector<float>> const& w, std::uint32_t layer,
              rotation const& angles, block_values const& values, matrix_view<float const> h, matrix_view<float> dh,
              block_gradients& d, block_parameters<G, std::vector<float>>& g, Linear const& apply) {
    auto const norm = [&](matrix_view<float const> x, std::vector<float> const& factor, matrix_view<float const> dy,
                          matrix_view<float> dx, std::vector<float>& dfactor) {
        rms_norm_backward(where, x, factor, c.rms_epsilon, dy, dx, dfactor);
    };
    auto const head_norm = [&](matrix_view<float const> x, std::vector<float> const& factor, matrix<float>& dy,
                               std::vector<float>& dfactor) {
        auto const rows = rows_of_heads(matrix_view<float>(dy), c.head_dim);
        norm(rows_of_heads(x, c.head_dim), factor, rows, rows, dfactor);
    };
    auto const add_to_dh = [&] {
        std::size_t const count = dh.columns();
        where.parallel_for(dh.rows(), [&](std::size_t begin, std::size_t end) {
            for (std::size_t i = begin * count; i < end * count; ++i) {
                dh.data()[i] += d.input.data()[i];
            }
        });
    };
    std::copy_n(h.data(), h.rows() * h.columns(), d.middle.data());
    add_rms_norm(where, values.attention_output, w.post_attention_norm, c.rms_epsilon, d.middle);

    norm(values.mlp_output, w.post_ffw_norm, dh, d.output, g.post_ffw_norm);
    apply(block_input::gated, values.gated, w.ffn_down, d.output, d.gate, false, g.ffn_down);
    geglu_backward(where, values.gate, values.up, d.gate, d.gate, d.up);
    apply(block_input::mlp, values.mlp_input, w.ffn_gate, d.gate, d.input, false, g.ffn_gate);
    apply(block_input::mlp, values.mlp_input, w.ffn_up, d.up, d.input, true, g.ffn_up);
    norm(d.middle, w.ffn_norm, d.input, d.input, g.ffn_norm);
    add_to_dh();

    norm(values.attention_output, w.post_attention_norm, dh, d.output, g.post_attention_norm);
    apply(block_input::mixed, values.mixed, w.attn_output, d.output, d.q, false, g.attn_output);
    attention_shape const shape{.tokens = angles.count(),
                                .kv_heads = c.kv_heads,
                                .head_dim = c.head_dim,
                                .window = c.is_global(layer) ? 0 : c.window,
                                .scale = c.query_scale()};
    attention_backward(where, shape, values.q, values.k, values.v, d.q, d.q, d.k, d.v);
    rotate_backward(where, d.q, angles);
    rotate_backward(where, d.k, angles);
    head_norm(values.raw_q, w.attn_q_norm, d.q, g.attn_q_norm);
    head_norm(values.raw_k, w.attn_k_norm, d.k, g.attn_k_norm);
    apply(block_input::attention, values.attention_input, w.attn_q, d.q, d.input, false, g.attn_q);
    apply(block_input::attention, values.attention_input, w.attn_k, d.k, d.input, true, g.attn_k);
    apply(block_input::attention, values.attention_input, w.attn_v, d.v, d.input, true, g.attn_v);
    norm(h, w.attn_norm, d.input, d.input, g.attn_norm);
    add_to_dh();
}

}  // namespace nibble::gemma3
