// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/gemm/dense_product.hpp>
#include <nibble/gemma3/block_backward.hpp>
#include <nibble/gemma3/trained_model.hpp>
#include <nibble/gemma3/training_texts.hpp>
#include <nibble/nn/embedding_backward.hpp>
#include <nibble/nn/loss.hpp>
#include <nibble/nn/rms_norm.hpp>
#include <nibble/nn/rms_norm_backward.hpp>
#include <nibble/numeric/random.hpp>
#include <nibble/tensor/backend.hpp>
#include <nibble/tensor/matrix.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace nibble::gemma3 {

/// Texts to learn from, of one length.
struct training_batch {
    std::span<std::uint32_t const> ids;      ///< [texts · tokens]
    std::span<std::uint32_t const> targets;  ///< the id behind each; no_target where nothing is asked
    std::size_t tokens = 0;                  ///< of a text
};

/// What is made smaller.
struct training_loss {
    trained_model const* teacher = nullptr;  ///< its probabilities are the targets; null: the texts are
    float temperature = 1.0f;
};

namespace detail {

/// A block's product, from its result back.
struct backward_trained {
    cpu where;
    trained_recipe const& recipe;
    random_key key;

    void operator()(block_input input, matrix_view<float const> x, trained_matrix const& w, matrix_view<float const> dy,
                    matrix_view<float> dx, bool add, trained_matrix& g) const {
        auto const& format = recipe.of(input);
        auto const seen = format.see(where, recipe.activations, w, {key.seed, key.step, w.number});
        dense_product(where, dy, operand::as_is, seen->values(where), operand::as_is, dx, add);
        matrix<float> scratch;
        dense_product(where, dy, operand::transposed, format.activations(where, recipe.activations, x, scratch),
                      operand::as_is, g.values, true);
    }
};

}  // namespace detail

/// The loss of a batch, summed over its tokens that have a target, and its gradient, times `factor`.
///   result      returns the sum, in nats; adds the gradient with respect to the stored values ŵ to `gradients`, which
///               trained_format::differentiate makes that of the parameters. The same bits for any number of threads
///   recompute   whether blocks are run again on the way back, so that the values of one block are kept at a time
///   memory      a block's values [tokens, 3 hidden + 3 query width + 3 key width + 3 ffn], of one block or of each;
///               16 M logits at a time, twice as many with a teacher
inline double loss_and_gradient(cpu where, trained_model const& m, training_batch const& batch,
                                training_loss const& loss, float factor, random_key key, bool recompute,
                                trained_parameters& gradients) {
    configuration const& c = m.config;
    training_texts texts(m, batch.ids, batch.tokens, key);
    std::size_t const rows = texts.rows();
    std::vector<matrix<float>> entering;
    std::vector<block_values> kept;
    kept.reserve(c.layers);
    matrix<float> h(rows, c.hidden);
    texts.embed(where, h);
    for (std::uint32_t layer = 0; layer < c.layers; ++layer) {
        entering.push_back(h);
        if (kept.empty() || !recompute) {
            kept.emplace_back(c, rows);
        }
        texts.run(where, layer, kept.back(), h);
    }

    matrix<float> dh(rows, c.hidden);
    double sum = 0;
    {
        matrix<float> normed(rows, c.hidden);
        rms_norm(where, h, m.parameters.output_norm, c.rms_epsilon, normed);
        auto const head = texts.head(where);
        auto& g = gradients.token_embd.values;
        auto const add_head = [&](std::size_t first, matrix<float>& logits, auto const& gradient_of) {
            std::size_t const count = logits.rows();
            matrix_view<float const> const x(normed.row(first).data(), count, c.hidden);
            head->product(where, x, logits);
            sum += gradient_of(logits, batch.targets.subspan(first, count));
            dense_product(where, logits, operand::as_is, head->values(where), operand::as_is,
                          matrix_view<float>(dh.row(first).data(), count, c.hidden));
            matrix<float> scratch;
            dense_product(where, logits, operand::transposed,
                          m.recipe.embedding->activations(where, m.recipe.activations, x, scratch), operand::as_is, g,
                          true);
        };
        if (loss.teacher != nullptr) {
            for_each_logits(where, *loss.teacher, batch.ids, batch.tokens, key,
                            [&](std::size_t first, matrix<float> const& wanted) {
                                matrix<float> logits(wanted.rows(), c.vocabulary);
                                add_head(first, logits, [&](matrix<float>& own, auto targets) {
                                    return distillation_gradient(where, own, wanted, targets, loss.temperature, factor);
                                });
                            });
        } else {
            std::size_t const most = (std::max)(std::size_t{1}, (std::size_t{1} << 24) / c.vocabulary);
            for (std::size_t first = 0; first < rows; first += most) {
                matrix<float> logits((std::min)(most, rows - first), c.vocabulary);
                add_head(first, logits, [&](matrix<float>& own, auto targets) {
                    return cross_entropy_gradient(where, own, targets, factor);
                });
            }
        }
    }
    rms_norm_backward(where, h, m.parameters.output_norm, c.rms_epsilon, dh, dh, gradients.output_norm);

    block_gradients d(c, rows);
    detail::backward_trained const apply{where, m.recipe, key};
    for (std::uint32_t layer = c.layers; layer-- > 0;) {
        if (recompute && layer + 1 != c.layers) {
            h = entering[layer];
            texts.run(where, layer, kept.back(), h);
        }
        auto const& values = recompute ? kept.back() : kept[layer];
        backward(where, c, m.parameters.blocks[layer], layer, texts.angles(layer), values, entering[layer], dh, d,
                 gradients.blocks[layer], apply);
    }
    embed_backward(where, batch.ids, c.embedding_scale(), dh, gradients.token_embd.values);
    return sum;
}

}  // namespace nibble::gemma3
