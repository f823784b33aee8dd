// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/numeric/bf16.hpp>
#include <nibble/numeric/f16.hpp>
#include <nibble/numeric/gelu.hpp>  // the constants of gelu_tanh

#include <concepts>
#include <cstddef>

namespace nibble::detail {

// The least argument with a normal exp, and the least with an infinite one.
inline constexpr float smallest_exp_argument = -0x1.5d589ep+6f;
inline constexpr float infinite_exp_argument = 0x1.62e43p+6f;

/// The query heads of one token that share a key-value head, and what they see: `visible` positions from `begin` on,
/// position p in slot p mod capacity.
///   shape  queries [heads][head_dim];  keys, values [capacity][head_dim]
template <class T>
struct attention_task {
    float const* queries;
    std::size_t heads;
    T const* keys;
    T const* values;
    std::size_t capacity;
    std::size_t head_dim;
    std::size_t begin;
    std::size_t visible;
};

/// The two steps of attention that read keys and values stored as T; each is widened to f32, exactly, where it is read.
template <class T>
struct attention_kernels {
    /// dots[h][i] = queries[h] · key of position begin + i, for first <= i < last; dots has rows of `stride`.
    void (*dots)(attention_task<T> const& task, std::size_t first, std::size_t last, float* dots, std::size_t stride);
    /// out[h][d] = Σ_i weights[h][i] · value of position begin + i at d, over totals[h], for first <= d < last; first
    /// is a multiple of 16.
    void (*values)(attention_task<T> const& task, float const* weights, std::size_t stride, float const* totals,
                   std::size_t first, std::size_t last, float* out);
};

/// The layers as kernels.inl writes them, in one instruction set. Every set gives the same bits.
struct layer_kernels {
    attention_kernels<float> attention_f32;
    attention_kernels<f16> attention_f16;
    attention_kernels<bf16> attention_bf16;
    /// out[i] = gelu_tanh(gate[i]) · up[i] for i < count
    void (*geglu)(float const* gate, float const* up, std::size_t count, float* out);
    /// y = rms_norm(x) for each of `rows` rows
    void (*rms_norm)(float const* x, std::size_t rows, std::size_t columns, float const* factor, float epsilon,
                     float* y);
    /// y = y + rms_norm(x), the last product and the sum rounded once
    void (*add_rms_norm)(float const* x, std::size_t rows, std::size_t columns, float const* factor, float epsilon,
                         float* y);
    /// Rotates each of `heads` heads of one token.
    void (*rotate)(float* x, std::size_t heads, std::size_t head_dim, float const* cosines, float const* sines);
    /// x[i] = exp(scale · x[i] − scale · max x) for i < count, zeros up to a multiple of 16; returns their sum.
    float (*softmax_weights)(float* x, std::size_t count, float scale);
    /// max x
    float (*largest)(float const* x, std::size_t count);
    /// Σ exp(x[i] − largest)
    double (*sum_of_exp)(float const* x, std::size_t count, float largest);

    template <class T>
    constexpr attention_kernels<T> const& attention() const {
        if constexpr (std::same_as<T, float>) {
            return attention_f32;
        } else if constexpr (std::same_as<T, f16>) {
            return attention_f16;
        } else {
            return attention_bf16;
        }
    }
};

}  // namespace nibble::detail
