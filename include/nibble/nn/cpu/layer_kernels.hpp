// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/numeric/bf16.hpp>
#include <nibble/numeric/f16.hpp>
#include <nibble/numeric/fine_code.hpp>
#include <nibble/numeric/gelu.hpp>  // the constants of gelu_tanh

#include <concepts>
#include <cstddef>

namespace nibble::detail {

// The least argument with a normal exp, and the least with an infinite one.
inline constexpr float smallest_exp_argument = -0x1.5d589ep+6f;
inline constexpr float infinite_exp_argument = 0x1.62e43p+6f;

/// The query heads of one token that share a key-value head, and what they see: `visible` positions from `begin` on,
/// position p in slot p mod capacity.
///   shape  queries [heads][head_dim];  keys, values [capacity][head_dim];  their scales [capacity], where T is a code
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
    float const* key_scales;
    float const* value_scales;
};

/// The two steps of attention that read keys and values stored as T; each is decoded to f32 where it is read.
template <class T>
struct attention_kernels {
    /// dots[h][i] = queries[h] · key of position begin + i, for first <= i < last; dots has rows of `stride`.
    void (*dots)(attention_task<T> const& task, std::size_t first, std::size_t last, float* dots, std::size_t stride);
    /// out[h][d] = Σ_i weights[h][i] · value of position begin + i at d, over totals[h], for first <= d < last; first
    /// is a multiple of 16.
    void (*values)(attention_task<T> const& task, float const* weights, std::size_t stride, float const* totals,
                   std::size_t first, std::size_t last, float* out);
};

/// Logits whose weights are w_i = exp(fma(scale, logits[i], shift)), shift being −scale · their largest.
struct tempered {
    float const* logits;
    float scale;
    float shift;
};

/// Σ w of teacher and student; Σ t w and Σ s w with logits t and s and the weights w of the teacher.
struct divergence_sums {
    double teacher_total;
    double student_total;
    double teacher_moment;
    double student_moment;
};

/// The layers as kernels.inl writes them, in one instruction set. Every set gives the same bits.
struct layer_kernels {
    attention_kernels<float> attention_f32;
    attention_kernels<f16> attention_f16;
    attention_kernels<bf16> attention_bf16;
    attention_kernels<signed_code<8>> attention_int8;
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

    /// dx from dy for each of `rows` rows of rms_norm, dfactor[c] += Σ dy x (mean(x²) + epsilon)^(−1/2); dfactor has
    /// room for a multiple of 16
    void (*rms_norm_backward)(float const* x, std::size_t rows, std::size_t columns, float const* factor, float epsilon,
                              float const* dy, float* dx, double* dfactor);
    /// dgate[i] = dout[i] · up[i] · gelu_tanh′(gate[i]), dup[i] = dout[i] · gelu_tanh(gate[i]) for i < count
    void (*geglu_backward)(float const* gate, float const* up, float const* dout, std::size_t count, float* dgate,
                           float* dup);
    /// From weights w of softmax, their sum `total` and the gradient g of the probabilities p = w / total, for i <
    /// count:  w[i] = p_i,  g[i] = scale · p_i · (g_i − Σ p g)
    void (*softmax_backward)(float* weights, float* gradient, std::size_t count, float total, float scale);
    /// x[i] = factor · exp(x[i] − largest)
    void (*cross_entropy_backward)(float* x, std::size_t count, float largest, float factor);
    /// The sums of a divergence_sums over i < count.
    divergence_sums (*divergence)(tempered teacher, tempered student, std::size_t count);
    /// x[i] = student_factor · the student's weight − teacher_factor · the teacher's; x may be the student's logits.
    void (*divergence_backward)(tempered teacher, float teacher_factor, tempered student, float student_factor,
                                std::size_t count, float* x);
    /// y[i] = fma(x[i], factor, y[i])
    void (*add_scaled)(float const* x, std::size_t count, float factor, float* y);

    template <class T>
    constexpr attention_kernels<T> const& attention() const {
        if constexpr (std::same_as<T, float>) {
            return attention_f32;
        } else if constexpr (std::same_as<T, f16>) {
            return attention_f16;
        } else if constexpr (std::same_as<T, bf16>) {
            return attention_bf16;
        } else {
            static_assert(std::same_as<T, signed_code<8>>);
            return attention_int8;
        }
    }
};

}  // namespace nibble::detail
