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
#include <nibble/numeric/error.hpp>
#include <nibble/numeric/random.hpp>
#include <nibble/tensor/backend.hpp>
#include <nibble/tensor/matrix.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
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

/// y = x · ŵᵀ from its result back: dx = dy · ŵ, or dx += dy · ŵ where `add`, and dw += dyᵀ · x as the product saw it.
inline void product_backward(cpu where, trained_format const& format, activation_kind kind, seen_weight& seen,
                             matrix_view<float const> x, matrix_view<float const> dy, matrix_view<float> dx, bool add,
                             matrix<float>& dw) {
    dense_product(where, dy, operand::as_is, seen.values(where), operand::as_is, dx, add);
    matrix<float> scratch;
    dense_product(where, dy, operand::transposed, format.activations(where, kind, x, scratch), operand::as_is, dw,
                  true);
}

/// A block's products, from their results back.
struct backward_trained {
    cpu where;
    trained_recipe const& recipe;
    random_key key;

    void operator()(block_input input, matrix_view<float const> x, trained_matrix const& w, matrix_view<float const> dy,
                    matrix_view<float> dx, bool add, trained_matrix& g) const {
        auto const& format = recipe.of(input);
        auto const seen = format.see(where, recipe.activations, w, key_of(key, w));
        product_backward(where, format, recipe.activations, *seen, x, dy, dx, add, g.values);
    }
};

/// The loss of a batch, from what leaves its last block, and the gradient of that, which is dh.
inline double loss_of_head(cpu where, training_texts const& texts, training_batch const& batch,
                           training_loss const& loss, float factor, random_key key, std::size_t together,
                           matrix_view<float const> h, matrix_view<float> dh, trained_parameters& gradients) {
    trained_model const& m = texts.model();
    configuration const& c = m.config;
    matrix<float> normed(h.rows(), c.hidden);
    rms_norm(where, h, m.parameters.output_norm, c.rms_epsilon, normed);
    auto const head = texts.head(where);
    double sum = 0;
    auto const add = [&](std::size_t first, std::size_t count, auto const& gradient_of) {
        matrix_view<float const> const x(normed.row(first).data(), count, c.hidden);
        matrix<float> logits(count, c.vocabulary);
        head->product(where, x, logits);
        sum += gradient_of(logits, batch.targets.subspan(first, count));
        matrix_view<float> const dx(dh.row(first).data(), count, c.hidden);
        product_backward(where, *m.recipe.embedding, m.recipe.activations, *head, x, logits, dx, false,
                         gradients.token_embd.values);
    };
    if (loss.teacher != nullptr) {
        for_each_logits(
            where, *loss.teacher, batch.ids, batch.tokens, key,
            [&](std::size_t first, matrix<float> const& wanted) {
                add(first, wanted.rows(), [&](matrix<float>& logits, auto targets) {
                    return distillation_gradient(where, logits, wanted, targets, loss.temperature, factor);
                });
            },
            together);
    } else {
        for_rows_of_logits(h.rows(), c.vocabulary, together, [&](std::size_t first, std::size_t count) {
            add(first, count, [&](matrix<float>& logits, auto targets) {
                return cross_entropy_gradient(where, logits, targets, factor);
            });
        });
    }
    rms_norm_backward(where, h, m.parameters.output_norm, c.rms_epsilon, dh, dh, gradients.output_norm);
    return sum;
}

}  // namespace detail

/// The loss of a batch, summed over its tokens that have a target, and its gradient, times `factor`.
///   result      returns the sum, in nats; adds the gradient with respect to the stored values ŵ to `gradients`, which
///               trained_format::differentiate makes that of the parameters. The same bits for any number of threads
///   recompute   whether blocks are run again on the way back, so that the values of one block are kept at a time
///   memory      [tokens, hidden] for each block and 7 times more; a block's values, [tokens, 4 hidden + 3 query width
///               + 3 key width + 3 ffn], of one block or of each, and once about half of that for gradients; `together`
///               logits at a time; ŵ of the head, else of one matrix. A teacher adds its own values of one block, its
///               head, and as many logits
/// Throws nibble::error where ids and targets are not as many whole texts, or an id is not in the vocabulary.
inline double loss_and_gradient(cpu where, trained_model const& m, training_batch const& batch,
                                training_loss const& loss, float factor, random_key key, bool recompute,
                                trained_parameters& gradients, std::size_t together = logits_together) {
    configuration const& c = m.config;
    if (batch.targets.size() != batch.ids.size()) {
        throw error("A batch has " + std::to_string(batch.ids.size()) + " ids and " +
                    std::to_string(batch.targets.size()) + " targets; each id has one, or no_target.");
    }
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
    double const sum = detail::loss_of_head(where, texts, batch, loss, factor, key, together, h, dh, gradients);

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
