// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/nn/cpu/kernels.hpp>
#include <nibble/nn/cpu/layer_kernels.hpp>
#include <nibble/nn/kv_type.hpp>
#include <nibble/numeric/bf16.hpp>
#include <nibble/numeric/error.hpp>
#include <nibble/numeric/f16.hpp>
#include <nibble/numeric/fine_code.hpp>
#include <nibble/numeric/isa.hpp>
#include <nibble/tensor/backend.hpp>
#include <nibble/tensor/matrix.hpp>

#include <algorithm>
#include <cstddef>
#include <string>
#include <type_traits>
#include <variant>
#include <vector>

namespace nibble {

/// Keys and values of one layer, owned by someone else; position p lies in slot p mod capacity. T is float, f16,
/// bf16, or signed_code<8>, a code of int8_token, whose scales lie beside.
///   shape   keys, values [kv_heads][capacity][head_dim]; their scales [kv_heads][capacity]
template <class T>
struct kv_view {
    T const* keys = nullptr;
    T const* values = nullptr;
    std::size_t kv_heads = 0;
    std::size_t capacity = 0;
    std::size_t head_dim = 0;
    float const* key_scales = nullptr;
    float const* value_scales = nullptr;
};

/// A view of what kv_type names, in its order.
using any_kv_view = std::variant<kv_view<float>, kv_view<f16>, kv_view<bf16>, kv_view<signed_code<8>>>;

namespace detail {

/// Attention of the tokens of one call; tasks are pairs of a token and a key-value head.
template <class T>
class attention_call {
public:
    attention_call(layer_kernels const& kernels, matrix_view<float const> q, kv_view<T> cache, std::size_t first,
                   std::size_t window, float scale, matrix_view<float> out)
        : kernels_(kernels), q_(q), cache_(cache), group_(q.columns() / cache.head_dim / cache.kv_heads), first_(first),
          window_(window), scale_(scale), out_(out) {}

    std::size_t tasks() const { return q_.rows() * cache_.kv_heads; }

    std::size_t visible(std::size_t token) const {
        std::size_t const all = first_ + token + 1;
        return window_ == 0 ? all : (std::min)(all, window_);
    }

    /// Tasks in whole, the longest first; neighbours share their keys.
    void run(std::size_t begin, std::size_t end) const {
        std::size_t const stride = row_of_scores(visible(q_.rows() - 1));
        std::vector<float> scores(group_ * stride);
        std::vector<float> totals(group_);
        for (std::size_t i = begin; i < end; ++i) {
            std::size_t const token = q_.rows() - 1 - i % q_.rows();
            std::size_t const head = i / q_.rows();
            attention_task<T> const work = task(token, head);
            reads().dots(work, 0, work.visible, scores.data(), stride);
            softmax(work, 0, group_, scores.data(), stride, totals.data());
            reads().values(work, scores.data(), stride, totals.data(), 0, cache_.head_dim, output(token, head));
        }
    }

    /// One task after the other, each on all threads: scores cut by position, softmax by head, output by column. Every
    /// number is computed as in run(), so the bits are the same.
    void run_cut(cpu where) const {
        std::size_t const stride = row_of_scores(visible(q_.rows() - 1));
        std::vector<float> scores(group_ * stride);
        std::vector<float> totals(group_);
        for (std::size_t i = 0; i < tasks(); ++i) {
            std::size_t const token = i % q_.rows();
            std::size_t const head = i / q_.rows();
            attention_task<T> const work = task(token, head);
            constexpr std::size_t keys = 64;
            where.parallel_for((work.visible + keys - 1) / keys, [&](std::size_t begin, std::size_t end) {
                reads().dots(work, begin * keys, (std::min)(work.visible, end * keys), scores.data(), stride);
            });
            where.parallel_for(group_, [&](std::size_t begin, std::size_t end) {
                softmax(work, begin, end, scores.data(), stride, totals.data());
            });
            constexpr std::size_t columns = 64;
            std::size_t const dim = cache_.head_dim;
            where.parallel_for((dim + columns - 1) / columns, [&](std::size_t begin, std::size_t end) {
                reads().values(work, scores.data(), stride, totals.data(), begin * columns,
                               (std::min)(dim, end * columns), output(token, head));
            });
        }
    }

private:
    attention_kernels<T> const& reads() const { return kernels_.attention<T>(); }

    static std::size_t row_of_scores(std::size_t positions) { return (positions + 15) / 16 * 16; }

    attention_task<T> task(std::size_t token, std::size_t head) const {
        std::size_t const dim = cache_.head_dim;
        std::size_t const seen = visible(token);
        return {.queries = q_.row(token).data() + head * group_ * dim,
                .heads = group_,
                .keys = cache_.keys + head * cache_.capacity * dim,
                .values = cache_.values + head * cache_.capacity * dim,
                .capacity = cache_.capacity,
                .head_dim = dim,
                .begin = first_ + token + 1 - seen,
                .visible = seen,
                .key_scales = row_of(cache_.key_scales, head),
                .value_scales = row_of(cache_.value_scales, head)};
    }

    float const* row_of(float const* scales, std::size_t head) const {
        return scales == nullptr ? nullptr : scales + head * cache_.capacity;
    }

    float* output(std::size_t token, std::size_t head) const {
        return out_.row(token).data() + head * group_ * cache_.head_dim;
    }

    void softmax(attention_task<T> const& work, std::size_t begin, std::size_t end, float* scores, std::size_t stride,
                 float* totals) const {
        for (std::size_t h = begin; h < end; ++h) {
            totals[h] = kernels_.softmax_weights(scores + h * stride, work.visible, scale_);
        }
    }

    layer_kernels const& kernels_;
    matrix_view<float const> q_;
    kv_view<T> cache_;
    std::size_t group_;
    std::size_t first_;
    std::size_t window_;
    float scale_;
    matrix_view<float> out_;
};

}  // namespace detail

/// Causal attention with grouped heads. Token t is at position p = first + t and sees the positions
/// max(0, p − window + 1) ... p, all up to p if window is 0; query head j reads key-value head j / (heads / kv_heads).
///   s_k = q · k,  w_k = exp(fma(scale, s_k, −scale · max s)),  out = Σ_k w_k v_k / Σ_k w_k
///   shape   q, out [tokens, heads · D]
///   values  keys and values are decoded to f32, so the bits are those of f32 keys and values rounded as they are kept
///   order   s: lane d mod 16 takes column d, then lanes in a tree; out: positions in sequence; Σ w: lane k mod 16 from
///           the first visible position, then the tree
///   error   u = 2^-24:  |out − exact| <= (2 e + (N + N/16 + 8) u) Σ p |v|, N positions seen,
///           e = scale (D/16 + 6) u max Σ|q k| + 3 u + u max |scale (s − max s)|; weights below 2^-126 count as 0
/// The cache holds the positions of this call. Throws nibble::error if shapes disagree, a visible position is no longer
/// in the cache, or scale is not above 0.
template <class T>
void attention(cpu where, matrix_view<float const> q, kv_view<T> cache, std::size_t first, std::size_t window,
               float scale, matrix_view<float> out, isa set = best_isa()) {
    std::size_t const kv_width = cache.kv_heads * cache.head_dim;
    if (q.rows() != out.rows() || q.columns() != out.columns() ||
        (kv_width == 0 ? q.columns() != 0 : q.columns() % kv_width != 0)) {
        throw error("attention got queries of " + std::to_string(q.rows()) + " x " + std::to_string(q.columns()) +
                    " elements, a result of " + std::to_string(out.rows()) + " x " + std::to_string(out.columns()) +
                    " and " + std::to_string(cache.kv_heads) + " key-value heads of " + std::to_string(cache.head_dim) +
                    "; queries and result are alike and hold a whole number of heads for each key-value head");
    }
    if (std::is_same_v<T, signed_code<8>> && (cache.key_scales == nullptr || cache.value_scales == nullptr)) {
        throw error("attention got codes of keys and values without their scales; give key_scales and value_scales");
    }
    if (!(scale > 0.0f)) {
        throw error("attention got a scale of " + std::to_string(scale) + "; it has to be above 0");
    }
    detail::layer_kernels const& kernels = detail::layers(set, "attention");
    if (q.rows() == 0 || q.columns() == 0) {
        return;
    }
    detail::attention_call<T> const call(kernels, q, cache, first, window, scale, out);
    std::size_t const kept = call.visible(0) + q.rows() - 1;
    if (kept > cache.capacity) {
        throw error("attention from position " + std::to_string(first) + " over " + std::to_string(q.rows()) +
                    " tokens needs " + std::to_string(kept) + " positions and the cache holds " +
                    std::to_string(cache.capacity) + "; give it more slots or pass fewer tokens at once");
    }
    constexpr std::size_t long_context = 1024;
    if (call.tasks() < where.threads() && call.visible(q.rows() - 1) > long_context) {
        call.run_cut(where);
    } else {
        where.parallel_for(call.tasks(), [&](std::size_t begin, std::size_t end) { call.run(begin, end); });
    }
}

/// Attention over keys and values of a type chosen at run time.
inline void attention(cpu where, matrix_view<float const> q, any_kv_view const& cache, std::size_t first,
                      std::size_t window, float scale, matrix_view<float> out, isa set = best_isa()) {
    std::visit([&](auto const& view) { attention(where, q, view, first, window, scale, out, set); }, cache);
}

}  // namespace nibble
