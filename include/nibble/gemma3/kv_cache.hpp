// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/gemma3/configuration.hpp>
#include <nibble/nn/attention.hpp>
#include <nibble/numeric/bf16.hpp>
#include <nibble/numeric/error.hpp>
#include <nibble/numeric/f16.hpp>
#include <nibble/numeric/fine_code.hpp>
#include <nibble/numeric/float_mode.hpp>
#include <nibble/quantize/encode.hpp>
#include <nibble/quantize/fit.hpp>
#include <nibble/quantize/group.hpp>
#include <nibble/tensor/matrix.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <variant>
#include <vector>

namespace nibble::gemma3 {

/// Keys and values of the tokens that a model has seen. Global layers keep `context` positions; local layers a ring of
/// the window and one batch: a token of a batch may still look back a whole window.
///   bytes   2 · key_width · Σ over layers of the positions kept · 4, or · 2 for f16 and bf16, or · (1 + 4 / head_dim)
///           for int8
class kv_cache {
public:
    /// Throws nibble::error where context or batch is 0, and where there is no memory.
    kv_cache(configuration const& config, std::size_t context, std::size_t batch, kv_type type = kv_type::f32)
        : config_(config), type_(type), context_(context), batch_((std::min)(batch, context)) {
        constexpr std::size_t longest = std::size_t{1} << 30;
        if (context == 0 || context > longest || batch == 0) {
            throw error("A KV cache of " + std::to_string(context) + " tokens in batches of " + std::to_string(batch) +
                        " cannot be; give a context of 1 to 2^30 tokens and batches of at least one.");
        }
        nibble::detail::allocate([&] { allocate(); },
                                 [&] { return "a KV cache of " + std::to_string(context) + " tokens"; });
    }

    configuration const& config() const { return config_; }
    kv_type type() const { return type_; }
    std::size_t context() const { return context_; }
    std::size_t batch() const { return batch_; }    ///< tokens that one forward pass may add
    std::size_t length() const { return length_; }  ///< tokens seen
    std::size_t bytes() const {
        std::size_t sum = 0;
        for (auto const& layer : layers_) {
            std::visit(
                [&]<class T>(kept_layer<T> const& l) {
                    sum += (l.keys.size() + l.values.size()) * sizeof(T);
                    sum += (l.key_scales.size() + l.value_scales.size()) * sizeof(float);
                },
                layer);
        }
        return sum;
    }

    any_kv_view view(std::size_t layer) const {
        return std::visit(
            [&]<class T>(kept_layer<T> const& l) -> any_kv_view {
                return kv_view<T>{l.keys.data(),    l.values.data(),     config_.kv_heads,     l.capacity,
                                  config_.head_dim, l.key_scales.data(), l.value_scales.data()};
            },
            layers_[layer]);
    }

    /// Puts k and v [tokens, kv_heads · head_dim] behind the tokens seen, in one layer, each rounded to the nearest,
    /// ties to even; with int8, the row of a head is quantized by int8_token, and NaN makes all of it NaN. Throws
    /// nibble::error, which names the layer, for a value that would become infinite.
    void put(std::size_t layer, matrix_view<float const> k, matrix_view<float const> v) {
        nibble::detail::subnormals_count const mode;
        std::visit(
            [&](auto& l) {
                put(layer, "key", k, l.capacity, l.keys, l.key_scales);
                put(layer, "value", v, l.capacity, l.values, l.value_scales);
            },
            layers_[layer]);
    }

    /// k and v become what put() has kept of them.
    void round(std::size_t layer, matrix_view<float> k, matrix_view<float> v) const {
        nibble::detail::subnormals_count const mode;
        std::visit(
            [&](auto const& l) {
                round(k, l.capacity, l.keys, l.key_scales);
                round(v, l.capacity, l.values, l.value_scales);
            },
            layers_[layer]);
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
    /// One layer, stored as T.
    template <class T>
    struct kept_layer {
        std::size_t capacity = 0;
        std::vector<T> keys{};
        std::vector<T> values{};
        std::vector<float> key_scales{};  ///< where T is a code
        std::vector<float> value_scales{};
    };

    /// In the order of kv_type.
    using any_kept = std::variant<kept_layer<float>, kept_layer<f16>, kept_layer<bf16>, kept_layer<signed_code<8>>>;

    /// The least magnitude that rounds to infinity: half a step above the largest value.
    template <class T>
    static constexpr float infinite_from = std::same_as<T, f16> ? 65520.0f : 0x1.ffp127f;

    template <class T>
    void put(std::size_t layer, char const* what, matrix_view<float const> x, std::size_t capacity,
             std::vector<T>& kept, [[maybe_unused]] std::vector<float>& scales) const {
        std::size_t const dim = config_.head_dim;
        for (std::size_t t = 0; t < x.rows(); ++t) {
            for (std::size_t head = 0; head < config_.kv_heads; ++head) {
                float const* const from = x.row(t).data() + head * dim;
                std::size_t const slot = head * capacity + (length_ + t) % capacity;
                T* const to = kept.data() + slot * dim;
                if constexpr (std::same_as<T, float>) {
                    std::copy_n(from, dim, to);
                } else if constexpr (std::same_as<T, signed_code<8>>) {
                    require_range(layer, what, {from, dim}, std::numeric_limits<float>::infinity());
                    scales[slot] = quantize_row({from, dim}, to);
                } else {
                    require_range(layer, what, {from, dim}, infinite_from<T>);
                    std::transform(from, from + dim, to, [](float value) { return static_cast<T>(value); });
                }
            }
        }
    }

    template <class T>
    void round(matrix_view<float> x, std::size_t capacity, std::vector<T> const& kept,
               [[maybe_unused]] std::vector<float> const& scales) const {
        std::size_t const dim = config_.head_dim;
        for (std::size_t t = 0; t < x.rows() && !std::same_as<T, float>; ++t) {
            for (std::size_t head = 0; head < config_.kv_heads; ++head) {
                std::size_t const slot = head * capacity + (length_ + t) % capacity;
                for (std::size_t d = 0; d < dim; ++d) {
                    float& to = x(t, head * dim + d);
                    to = static_cast<float>(kept[slot * dim + d]);
                    if constexpr (std::same_as<T, signed_code<8>>) {
                        to *= scales[slot];
                    }
                }
            }
        }
    }

    /// The codes of a row; returns its scale.
    static float quantize_row(std::span<float const> row, signed_code<8>* to) {
        if (std::any_of(row.begin(), row.end(), [](float x) { return std::isnan(x); })) {
            std::fill_n(to, row.size(), signed_code<8>(1.0f));
            return std::numeric_limits<float>::quiet_NaN();
        }
        auto const p = fit_group<int8_token>(nibble::detail::range_of(row));
        std::array<std::uint8_t, 64> codes;
        for (std::size_t first = 0; first < row.size(); first += codes.size()) {
            auto const part = row.subspan(first, (std::min)(codes.size(), row.size() - first));
            encode<int8_token>(part, p, codes.data());
            std::transform(codes.data(), codes.data() + part.size(), to + first, &signed_code<8>::from_bits);
        }
        return p.scale;
    }

    void require_range(std::size_t layer, char const* what, std::span<float const> head, float limit) const {
        bool beyond = false;
        for (float const value : head) {
            beyond |= std::fabs(value) >= limit;
        }
        if (beyond) {
            auto const value = *std::find_if(head.begin(), head.end(), [&](float x) { return std::fabs(x) >= limit; });
            throw error("Layer " + std::to_string(layer) + " has the " + what + " " + std::to_string(value) +
                        ", which is beyond the range of " + std::string(name_of(type_)) + "; keep keys and values as " +
                        (type_ == kv_type::f16 ? "bf16 or f32." : "f32."));
        }
    }

    template <class T>
    static any_kept kept_of(std::size_t capacity, std::size_t count) {
        return kept_layer<T>{capacity, std::vector<T>(count), std::vector<T>(count), {}, {}};
    }

    void allocate() {
        layers_.reserve(config_.layers);
        for (std::uint32_t i = 0; i < config_.layers; ++i) {
            std::size_t const capacity =
                config_.is_global(i) ? context_ : (std::min)(context_, std::size_t{config_.window} - 1 + batch_);
            std::size_t const count = capacity * config_.kv_heads * config_.head_dim;
            layers_.push_back(type_ == kv_type::f32    ? kept_of<float>(capacity, count)
                              : type_ == kv_type::f16  ? kept_of<f16>(capacity, count)
                              : type_ == kv_type::bf16 ? kept_of<bf16>(capacity, count)
                                                       : kept_of<signed_code<8>>(capacity, count));
            if (auto* const coded = std::get_if<kept_layer<signed_code<8>>>(&layers_.back())) {
                coded->key_scales.resize(capacity * config_.kv_heads);
                coded->value_scales.resize(capacity * config_.kv_heads);
            }
        }
    }

    configuration config_;
    kv_type type_;
    std::size_t context_;
    std::size_t batch_;
    std::size_t length_ = 0;
    std::vector<any_kept> layers_;
};

}  // namespace nibble::gemma3
