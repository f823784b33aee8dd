// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/gemma3/configuration.hpp>
#include <nibble/nn/attention.hpp>
#include <nibble/numeric/error.hpp>
#include <nibble/tensor/matrix.hpp>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <string>
#include <vector>

namespace nibble::gemma3 {

/// Keys and values of the tokens that a model has seen, f32. Global layers keep `context` positions; local layers a
/// ring of the window and one batch: a token of a batch may still look back a whole window.
///   bytes   2 · 4 · key_width · Σ over layers of the positions kept
class kv_cache {
public:
    /// Throws nibble::error where context or batch is 0, and where there is no memory.
    kv_cache(configuration const& config, std::size_t context, std::size_t batch)
        : kv_heads_(config.kv_heads), head_dim_(config.head_dim), context_(context),
          batch_((std::min)(batch, context)) {
        constexpr std::size_t longest = std::size_t{1} << 30;
        if (context == 0 || context > longest || batch == 0) {
            throw error("A KV cache of " + std::to_string(context) + " tokens in batches of " + std::to_string(batch) +
                        " cannot be; give a context of 1 to 2^30 tokens and batches of at least one.");
        }
        nibble::detail::allocate([&] { allocate(config); },
                                 [&] { return "a KV cache of " + std::to_string(context) + " tokens"; });
    }

    std::size_t context() const { return context_; }
    std::size_t batch() const { return batch_; }    ///< tokens that one forward pass may add
    std::size_t length() const { return length_; }  ///< tokens seen
    std::size_t bytes() const {
        std::size_t floats = 0;
        for (auto const& layer : layers_) {
            floats += layer.keys.size() + layer.values.size();
        }
        return floats * sizeof(float);
    }

    kv_view view(std::size_t layer) const {
        auto const& l = layers_[layer];
        return {l.keys.data(), l.values.data(), kv_heads_, l.capacity, head_dim_};
    }

    /// Puts k and v [tokens, kv_heads · head_dim] behind the tokens seen, in one layer.
    void put(std::size_t layer, matrix_view<float const> k, matrix_view<float const> v) {
        auto& l = layers_[layer];
        for (std::size_t t = 0; t < k.rows(); ++t) {
            for (std::size_t head = 0; head < kv_heads_; ++head) {
                std::size_t const slot = (head * l.capacity + (length_ + t) % l.capacity) * head_dim_;
                std::memcpy(&l.keys[slot], k.row(t).data() + head * head_dim_, head_dim_ * sizeof(float));
                std::memcpy(&l.values[slot], v.row(t).data() + head * head_dim_, head_dim_ * sizeof(float));
            }
        }
    }

    /// The tokens put into every layer count as seen.
    void advance(std::size_t tokens) { length_ += tokens; }

    /// Throws nibble::error where `tokens` more do not fit.
    void require_room(std::size_t tokens) const {
        if (tokens > context_ - length_) {
            throw error("The context of " + std::to_string(context_) + " tokens is full: " + std::to_string(length_) +
                        " are seen and " + std::to_string(tokens) + " more do not fit; give a longer context.");
        }
    }

    void clear() { length_ = 0; }

private:
    struct kept_layer {
        std::size_t capacity;
        std::vector<float> keys;
        std::vector<float> values;
    };

    void allocate(configuration const& config) {
        layers_.reserve(config.layers);
        for (std::uint32_t i = 0; i < config.layers; ++i) {
            std::size_t const capacity =
                config.is_global(i) ? context_ : (std::min)(context_, std::size_t{config.window} - 1 + batch_);
            std::size_t const count = capacity * kv_heads_ * head_dim_;
            layers_.push_back({capacity, std::vector<float>(count), std::vector<float>(count)});
        }
    }

    std::size_t kv_heads_;
    std::size_t head_dim_;
    std::size_t context_;
    std::size_t batch_;
    std::size_t length_ = 0;
    std::vector<kept_layer> layers_;
};

}  // namespace nibble::gemma3
