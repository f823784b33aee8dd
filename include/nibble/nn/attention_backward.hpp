// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/gemm/dense_product.hpp>
#include <nibble/nn/cpu/kernels.hpp>
#include <nibble/nn/cpu/layer_kernels.hpp>
#include <nibble/numeric/error.hpp>
#include <nibble/numeric/isa.hpp>
#include <nibble/tensor/backend.hpp>
#include <nibble/tensor/matrix.hpp>

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

namespace nibble {

/// Attention over whole texts, each from its position 0 on; otherwise as attention().
struct attention_shape {
    std::size_t tokens = 0;  ///< of each text
    std::size_t kv_heads = 0;
    std::size_t head_dim = 0;
    std::size_t window = 0;  ///< 0: a token sees all before it
    float scale = 1.0f;
};

namespace detail {

struct attention_gradients {
    matrix_view<float const> q, k, v, dout;
    matrix_view<float> dq, dk, dv;
};

/// The gradients of one call, a query head of a text at a time. A block of its rows needs the scores of what they see;
/// everything else is products.
class attention_backward_call {
public:
    attention_backward_call(isa set, attention_shape const& shape, attention_gradients const& m)
        : set_(set), kernels_(layers(set, "attention_backward")), s_(shape), m_(m),
          heads_(m.q.columns() / shape.head_dim), group_(heads_ / shape.kv_heads),
          seen_(shape.window == 0 || shape.window >= shape.tokens
                    ? shape.tokens
                    : (std::min)(shape.tokens, shape.window - 1 + block_rows)) {}

    std::size_t texts() const { return m_.q.rows() / s_.tokens; }
    /// Pairs of a text and a key-value head.
    std::size_t pairs() const { return texts() * s_.kv_heads; }

    /// Pairs in whole, their query heads in sequence.
    void run(std::size_t begin, std::size_t end) const {
        std::vector<float> scores(scores_size());
        std::vector<float> other(group_ > 1 ? 2 * part_size() : 0);
        for (std::size_t pair = begin; pair < end; ++pair) {
            head(pair, 0, scores, own_part(pair));
            for (std::size_t h = 1; h < group_; ++h) {
                head(pair, h, scores, part_at(other.data()));
                add(part_at(other.data()), own_part(pair));
            }
        }
    }

    /// All query heads at once, each with sums of its own, then the sums of a group in sequence: the bits of run().
    void run_spread(cpu where) const {
        std::vector<float> others =
            allocate([&] { return std::vector<float>(pairs() * (group_ - 1) * 2 * part_size()); },
                     [] { return std::string("the heads' gradients of keys and values"); });
        auto const other = [&](std::size_t pair, std::size_t h) {
            return part_at(others.data() + (pair * (group_ - 1) + h - 1) * 2 * part_size());
        };
        where.parallel_for(pairs() * group_, [&](std::size_t begin, std::size_t end) {
            std::vector<float> scores(scores_size());
            for (std::size_t i = begin; i < end; ++i) {
                std::size_t const pair = i / group_;
                std::size_t const h = i % group_;
                head(pair, h, scores, h == 0 ? own_part(pair) : other(pair, h));
            }
        });
        where.parallel_for(pairs(), [&](std::size_t begin, std::size_t end) {
            for (std::size_t pair = begin; pair < end; ++pair) {
                for (std::size_t h = 1; h < group_; ++h) {
                    add(other(pair, h), own_part(pair));
                }
            }
        });
    }

private:
    static constexpr std::size_t block_rows = 64;

    /// Gradients of the keys and values of a text, [tokens][head_dim] with rows of `stride`.
    struct part {
        float* dk;
        float* dv;
        std::size_t stride;
    };

    std::size_t part_size() const { return s_.tokens * s_.head_dim; }
    part part_at(float* data) const { return {data, data + part_size(), s_.head_dim}; }
    part own_part(std::size_t pair) const {
        std::size_t const at = first_key(pair);
        return {m_.dk.data() + at, m_.dv.data() + at, m_.k.columns()};
    }
    std::size_t first_key(std::size_t pair) const {
        return pair / s_.kv_heads * s_.tokens * m_.k.columns() + pair % s_.kv_heads * s_.head_dim;
    }

    // Softmax writes zeros behind a row, up to 15.
    std::size_t scores_stride() const { return (seen_ + 15) / 16 * 16 + 16; }
    std::size_t scores_size() const { return 2 * block_rows * scores_stride(); }
    std::size_t first_seen(std::size_t token) const {
        return s_.window == 0 || token < s_.window ? 0 : token + 1 - s_.window;
    }

    /// sum += of, row by row
    void add(part const& of, part const& sum) const {
        for (std::size_t t = 0; t < s_.tokens; ++t) {
            kernels_.add_scaled(of.dk + t * of.stride, s_.head_dim, 1.0f, sum.dk + t * sum.stride);
            kernels_.add_scaled(of.dv + t * of.stride, s_.head_dim, 1.0f, sum.dv + t * sum.stride);
        }
    }

    /// dq of query head h of a pair's group, and what that head adds to dk and dv.
    void head(std::size_t pair, std::size_t h, std::vector<float>& scores, part const& to) const {
        for (std::size_t t = 0; t < s_.tokens; ++t) {
            std::fill_n(to.dk + t * to.stride, s_.head_dim, 0.0f);
            std::fill_n(to.dv + t * to.stride, s_.head_dim, 0.0f);
        }
        for (std::size_t first = 0; first < s_.tokens; first += block_rows) {
            block(pair, h, first, (std::min)(s_.tokens, first + block_rows), scores, to);
        }
    }

    void block(std::size_t pair, std::size_t h, std::size_t first, std::size_t last, std::vector<float>& scores,
               part const& to) const {
        std::size_t const dim = s_.head_dim;
        std::size_t const begin = first_seen(first);
        std::size_t const rows = last - first;
        std::size_t const keys = last - begin;
        std::size_t const stride = scores_stride();
        std::size_t const width = m_.q.columns();
        std::size_t const at =
            (pair / s_.kv_heads * s_.tokens + first) * width + (pair % s_.kv_heads * group_ + h) * dim;
        std::size_t const kv_width = m_.k.columns();
        std::size_t const key = first_key(pair) + begin * kv_width;
        float const* const q = m_.q.data() + at;
        float const* const dout = m_.dout.data() + at;
        float* const p = scores.data();
        float* const ds = scores.data() + block_rows * stride;
        multiply_block(false, true, rows, keys, dim, q, width, m_.k.data() + key, kv_width, p, stride, false, set_);
        multiply_block(false, true, rows, keys, dim, dout, width, m_.v.data() + key, kv_width, ds, stride, false, set_);
        for (std::size_t i = 0; i < rows; ++i) {
            softmax(p + i * stride, ds + i * stride, first_seen(first + i) - begin, first + i + 1 - begin, keys);
        }
        multiply_block(true, false, keys, dim, rows, p, stride, dout, width, to.dv + begin * to.stride, to.stride, true,
                       set_);
        multiply_block(true, false, keys, dim, rows, ds, stride, q, width, to.dk + begin * to.stride, to.stride, true,
                       set_);
        multiply_block(false, false, rows, dim, keys, ds, stride, m_.k.data() + key, kv_width, m_.dq.data() + at, width,
                       false, set_);
    }

    /// From q · k to p, and from dp to ds, for keys begin ... end − 1 of a row; zero for the others.
    void softmax(float* p, float* ds, std::size_t begin, std::size_t end, std::size_t keys) const {
        float const total = kernels_.softmax_weights(p + begin, end - begin, s_.scale);
        kernels_.softmax_backward(p + begin, ds + begin, end - begin, total, s_.scale);
        for (float* const row : {p, ds}) {
            std::fill(row, row + begin, 0.0f);
            std::fill(row + end, row + keys, 0.0f);
        }
    }

    isa set_;
    layer_kernels const& kernels_;
    attention_shape s_;
    attention_gradients m_;
    std::size_t heads_;
    std::size_t group_;
    std::size_t seen_;  ///< keys of a block of rows, at most
};

inline void check_attention_backward(attention_shape const& s, attention_gradients const& m) {
    std::size_t const kv_width = s.kv_heads * s.head_dim;
    auto const alike = [](matrix_view<float const> a, matrix_view<float const> b) {
        return a.rows() == b.rows() && a.columns() == b.columns();
    };
    auto const text = [](matrix_view<float const> x) {
        return std::to_string(x.rows()) + " x " + std::to_string(x.columns());
    };
    if (!alike(m.q, m.dq) || !alike(m.q, m.dout) || !alike(m.k, m.v) || !alike(m.k, m.dk) || !alike(m.k, m.dv) ||
        m.q.rows() != m.k.rows() || m.k.columns() != kv_width ||
        (kv_width == 0 ? m.q.columns() != 0 : m.q.columns() % kv_width != 0)) {
        throw error("attention_backward got q, dq and dout of " + text(m.q) + ", " + text(m.dq) + " and " +
                    text(m.dout) + " elements, k, v, dk and dv of " + text(m.k) + ", " + text(m.v) + ", " + text(m.dk) +
                    " and " + text(m.dv) + ", and " + std::to_string(s.kv_heads) + " key-value heads of " +
                    std::to_string(s.head_dim) +
                    "; each three or four are alike, with a row a token, and q has a whole number of heads for each "
                    "key-value head");
    }
    if (s.tokens == 0 ? m.q.rows() != 0 : m.q.rows() % s.tokens != 0) {
        throw error("attention_backward got " + std::to_string(m.q.rows()) + " rows, which are not whole texts of " +
                    std::to_string(s.tokens) + " tokens");
    }
    if (!(s.scale > 0.0f)) {
        throw error("attention_backward got a scale of " + std::to_string(s.scale) + "; it has to be above 0");
    }
}

}  // namespace detail

/// The gradient of causal attention over whole texts, without a cache. With p = softmax(scale q kᵀ), masked, of which
/// blocks of 64 rows are computed again, and dp = dout vᵀ:
///   ds = scale · p (dp − Σ p dp),   dq = ds k,   dk = Σ dsᵀ q,   dv = Σ pᵀ dout   (over the heads that share k and v)
///   shape   q, dout, dq [texts · tokens, heads · D];  k, v, dk, dv [texts · tokens, kv_heads · D]
///   dq      overwritten, as are dk and dv; it may be q or dout
///   error   p as in attention, the rest as sums of float products; tests/nn/attention_backward.cpp derives it
///   memory  64 rows of p and ds a thread; with fewer than four pairs of text and key-value head a thread also dk and
///           dv of each query head
///   order   dk, dv: blocks of 64 rows in sequence, then query heads in sequence
///   source  Dao et al., arXiv:2205.14135, appendix B.2
/// Throws nibble::error if shapes disagree, or scale is not above 0.
inline void attention_backward(cpu where, attention_shape const& shape, matrix_view<float const> q,
                               matrix_view<float const> k, matrix_view<float const> v, matrix_view<float const> dout,
                               matrix_view<float> dq, matrix_view<float> dk, matrix_view<float> dv,
                               isa set = best_isa()) {
    detail::attention_gradients const m{q, k, v, dout, dq, dk, dv};
    detail::check_attention_backward(shape, m);
    if (q.rows() == 0 || k.columns() == 0) {
        return;
    }
    if (q.columns() == 0) {
        std::fill_n(dk.data(), dk.rows() * dk.columns(), 0.0f);
        std::fill_n(dv.data(), dv.rows() * dv.columns(), 0.0f);
        return;
    }
    detail::attention_backward_call const call(set, shape, m);
    // Ranges are handed out about four a thread; with fewer pairs some would be idle.
    if (call.pairs() >= 4 * where.threads() || shape.kv_heads * shape.head_dim == q.columns()) {
        where.parallel_for(call.pairs(), [&](std::size_t begin, std::size_t end) { call.run(begin, end); });
    } else {
        call.run_spread(where);
    }
}

}  // namespace nibble
