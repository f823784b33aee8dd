// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/gemma3/block.hpp>
#include <nibble/gemma3/configuration.hpp>
#include <nibble/gemma3/kv_cache.hpp>
#include <nibble/gemma3/trained_model.hpp>
#include <nibble/gemma3/trained_recipe.hpp>
#include <nibble/nn/linear.hpp>
#include <nibble/nn/rms_norm.hpp>
#include <nibble/nn/rope.hpp>
#include <nibble/nn/trained_weight.hpp>
#include <nibble/numeric/error.hpp>
#include <nibble/numeric/random.hpp>
#include <nibble/tensor/backend.hpp>
#include <nibble/tensor/matrix.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <type_traits>

namespace nibble::gemma3 {

namespace detail {

/// Products with the stored values of a block's matrices.
struct apply_trained {
    trained_recipe const& recipe;
    random_key key;

    void operator()(cpu where, activation_kind kind, block_input input, matrix_view<float const> x,
                    trained_matrix const& w, matrix_view<float> y) const {
        recipe.of(input).see(where, kind, w, key_of(key, w))->product(where, x, y);
    }
};

/// Texts of equal length, each from its position 0 on.
struct mix_whole_texts {
    std::uint32_t layer;
    rotation const& angles;
    kv_cache& cache;

    /// k and v become what is kept of them: what the way back differentiates.
    void operator()(cpu where, configuration const& c, matrix_view<float> q, matrix_view<float> k, matrix_view<float> v,
                    matrix_view<float> mixed) const {
        std::size_t const tokens = angles.count();
        auto const text = [&](auto const& x, std::size_t first) {
            return std::remove_cvref_t<decltype(x)>(x.row(first).data(), tokens, x.columns());
        };
        for (std::size_t first = 0; first < q.rows(); first += tokens) {
            mix_behind_cache{layer, angles, cache}(where, c, text(q, first), text(k, first), text(v, first),
                                                   text(mixed, first));
            cache.round(layer, text(k, first), text(v, first));
        }
    }
};

}  // namespace detail

/// Whole texts of one length on their way through a model in training, in the same arithmetic as forward() of a packed
/// one: the same bits where activations are int8, or bf16 on one kernel family.
class training_texts {
public:
    /// `ids` are texts of `tokens` ids each. Throws nibble::error where they are not, or an id is not in the
    /// vocabulary.
    training_texts(trained_model const& m, std::span<std::uint32_t const> ids, std::size_t tokens, random_key key)
        : model_(m), ids_(ids), key_(key),
          local_(0, tokens, m.config.head_dim, static_cast<double>(m.config.rope_base_local)),
          global_(0, tokens, m.config.head_dim, static_cast<double>(m.config.rope_base),
                  static_cast<double>(m.config.rope_factor)),
          cache_(m.config, tokens, tokens, m.recipe.kv_type) {
        if (ids.size() % tokens != 0) {
            throw error(std::to_string(ids.size()) + " ids are not whole texts of " + std::to_string(tokens) +
                        " tokens; cut or fill the last one.");
        }
        for (auto const id : ids) {
            if (id >= m.config.vocabulary) {
                throw error("A text to train on has the id " + std::to_string(id) + ", but the vocabulary ends at " +
                            std::to_string(m.config.vocabulary - 1) + "; are these another model's tokens?");
            }
        }
    }

    std::size_t rows() const { return ids_.size(); }
    trained_model const& model() const { return model_; }
    rotation const& angles(std::uint32_t layer) const { return model_.config.is_global(layer) ? global_ : local_; }

    /// h [rows, hidden]: rows of the embedding.
    void embed(cpu where, matrix_view<float> h) const {
        auto const& table = model_.parameters.token_embd;
        model_.recipe.embedding->rows(where, table, ids_, key_of(key_, table), h);
        float const scale = model_.config.embedding_scale();
        for (float& x : std::span(h.data(), h.rows() * h.columns())) {
            x *= scale;
        }
    }

    /// One block, in place.
    void run(cpu where, std::uint32_t layer, block_values& values, matrix_view<float> h) {
        forward(where, model_.config, model_.parameters.blocks[layer], model_.recipe.activations,
                detail::mix_whole_texts{layer, angles(layer), cache_}, values, h,
                detail::apply_trained{model_.recipe, key_});
    }

    /// The values that the head is multiplied with.
    std::unique_ptr<seen_weight> head(cpu where) const {
        auto const& table = model_.parameters.token_embd;
        return model_.recipe.embedding->see(where, model_.recipe.activations, table, key_of(key_, table));
    }

private:
    trained_model const& model_;
    std::span<std::uint32_t const> ids_;
    random_key key_;
    rotation local_;
    rotation global_;
    kv_cache cache_;
};

/// Logits that are in memory at a time, or one row of them.
inline constexpr std::size_t logits_together = std::size_t{1} << 24;

/// f(first, count) for parts of `rows` rows of logits, at most `together` logits each.
template <class F>
void for_rows_of_logits(std::size_t rows, std::size_t vocabulary, std::size_t together, F&& f) {
    std::size_t const most = (std::max)(std::size_t{1}, together / vocabulary);
    for (std::size_t first = 0; first < rows; first += most) {
        f(first, (std::min)(most, rows - first));
    }
}

/// f(first, logits) with the logits [count, vocabulary] of texts, some rows at a time, in order.
template <class F>
void for_each_logits(cpu where, trained_model const& m, std::span<std::uint32_t const> ids, std::size_t tokens,
                     random_key key, F&& f, std::size_t together = logits_together) {
    if (ids.empty()) {
        return;
    }
    training_texts texts(m, ids, tokens, key);
    matrix<float> h(texts.rows(), m.config.hidden);
    texts.embed(where, h);
    {
        block_values values(m.config, texts.rows());
        for (std::uint32_t layer = 0; layer < m.config.layers; ++layer) {
            texts.run(where, layer, values, h);
        }
    }
    rms_norm(where, h, m.parameters.output_norm, m.config.rms_epsilon, h);
    auto const head = texts.head(where);
    for_rows_of_logits(texts.rows(), m.config.vocabulary, together, [&](std::size_t first, std::size_t count) {
        matrix<float> logits(count, m.config.vocabulary);
        head->product(where, matrix_view<float const>(h.row(first).data(), count, h.columns()), logits);
        f(first, logits);
    });
}

}  // namespace nibble::gemma3
