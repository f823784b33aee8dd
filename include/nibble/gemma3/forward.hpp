// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/gemma3/block.hpp>
#include <nibble/gemma3/kv_cache.hpp>
#include <nibble/gemma3/model.hpp>
#include <nibble/nn/embedding.hpp>
#include <nibble/numeric/error.hpp>
#include <nibble/tensor/backend.hpp>
#include <nibble/tensor/matrix.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace nibble::gemma3 {

/// Runs the tokens behind those in the cache, in batches of its size, and gives the logits of the last ones.
///   shape   logits [rows, vocabulary], of the last `rows` tokens; rows may be 0
///   result  the bits of a token's logits do not depend on the batches, nor on the number of threads
/// Throws nibble::error where the cache was made for another configuration, the context is too short, an id is not in
/// the vocabulary, or a key or value is beyond what the cache stores; the cache keeps what it had seen before the batch
/// that failed.
/// It instantiates every kernel of every storage in W: a program of several files does that in one of them, with
/// `template void nibble::gemma3::forward(…)` there and the same line behind `extern` in the others.
template <class W>
void forward(cpu where, model<W> const& m, kv_cache& cache, std::span<std::uint32_t const> tokens,
             matrix_view<float> logits) {
    configuration const& c = m.config;
    if (logits.rows() > tokens.size() || (logits.rows() != 0 && logits.columns() != c.vocabulary)) {
        throw error("forward over " + std::to_string(tokens.size()) + " tokens got a result of " +
                    std::to_string(logits.rows()) + " x " + std::to_string(logits.columns()) +
                    "; give at most one row a token and " + std::to_string(c.vocabulary) + " columns");
    }
    if (cache.config() != c) {
        throw error("forward got a KV cache of another model; make one with the configuration of the model that runs");
    }
    cache.require_room(tokens.size());
    std::size_t const silent = tokens.size() - logits.rows();  // tokens whose logits nobody wants
    for (std::size_t done = 0; done < tokens.size();) {
        std::size_t const count = (std::min)(cache.batch(), tokens.size() - done);
        matrix<float> h(count, c.hidden);
        embed(where, tokens.subspan(done, count), m.parameters.token_embd, c.embedding_scale(), h);
        rotation const global(cache.length(), count, c.head_dim, static_cast<double>(c.rope_base),
                              static_cast<double>(c.rope_factor));
        rotation const local(cache.length(), count, c.head_dim, static_cast<double>(c.rope_base_local));
        block_values values(c, count);
        for (std::uint32_t layer = 0; layer < c.layers; ++layer) {
            mix_behind_cache const mix{layer, c.is_global(layer) ? global : local, cache};
            forward(where, c, m.parameters.blocks[layer], m.activations, mix, values, h);
        }
        cache.advance(count);

        std::size_t const skip = silent > done ? (std::min)(count, silent - done) : 0;
        if (skip < count) {
            std::size_t const rows = count - skip;
            matrix_view<float> const wanted(h.row(skip).data(), rows, c.hidden);
            rms_norm(where, wanted, m.parameters.output_norm, c.rms_epsilon, wanted);
            linear(where, m.activations, wanted, m.head_weight(),
                   matrix_view<float>(logits.row(done + skip - silent).data(), rows, c.vocabulary));
        }
        done += count;
    }
}

/// The logits of every token of a text, [tokens, vocabulary].
template <class W>
matrix<float> logits(cpu where, model<W> const& m, std::span<std::uint32_t const> tokens) {
    matrix<float> result(tokens.size(), m.config.vocabulary);
    if (!tokens.empty()) {
        kv_cache cache(m.config, tokens.size(), 512, m.kv_type);
        forward(where, m, cache, tokens, result);
    }
    return result;
}

}  // namespace nibble::gemma3
