// SPDX-License-Identifier: Apache-2.0
#include <nibble/nn/attention_backward.hpp>
#include <nibble/tensor/thread_pool.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <nn/gradients.hpp>
#include <nn/layers.hpp>
#include <numeric/ulp.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

using nibble::attention_shape;
using nibble::cpu;
using nibble::isa;
using nibble::matrix;
using nibble::matrix_view;
using nibble_test::unit_roundoff;

namespace {

double wide(float x) { return static_cast<double>(x); }

struct problem {
    problem(std::size_t texts, std::size_t heads, attention_shape const& given)
        : s(given), q(nibble_test::random_matrix(texts * s.tokens, heads * s.head_dim, 2.0f, 3)),
          k(nibble_test::random_matrix(texts * s.tokens, s.kv_heads * s.head_dim, 1.0f, 4)),
          v(nibble_test::random_matrix(texts * s.tokens, s.kv_heads * s.head_dim, 1.0f, 5)),
          dout(nibble_test::random_matrix(texts * s.tokens, heads * s.head_dim, 1.0f, 6)) {
        s.scale = 1.0f / std::sqrt(static_cast<float>(s.head_dim));
    }

    std::size_t heads() const { return q.columns() / s.head_dim; }
    std::size_t kv_column(std::size_t head) const { return head / (heads() / s.kv_heads) * s.head_dim; }
    std::size_t begin(std::size_t token) const { return s.window == 0 || token < s.window ? 0 : token + 1 - s.window; }

    attention_shape s;
    matrix<float> q, k, v, dout;
};

struct gradients {
    matrix<float> q, k, v;
};

gradients run(problem const& p, cpu where = {}, isa set = nibble::best_isa()) {
    gradients g{p.q, p.k, p.v};  // written over
    attention_backward(where, p.s, p.q, p.k, p.v, p.dout, g.q, g.k, g.v, set);
    return g;
}

bool same_bits(gradients const& a, gradients const& b) {
    return nibble_test::same_bits(a.q, b.q) && nibble_test::same_bits(a.k, b.k) && nibble_test::same_bits(a.v, b.v);
}

/// Σ dout · attention(q, k, v) of the first text, in double.
double forward(problem const& p, std::vector<double> const& q, std::vector<double> const& k,
               std::vector<double> const& v) {
    std::size_t const dim = p.s.head_dim;
    double result = 0;
    for (std::size_t t = 0; t < p.s.tokens; ++t) {
        for (std::size_t head = 0; head < p.heads(); ++head) {
            double total = 0;
            double weighed = 0;
            for (std::size_t j = p.begin(t); j <= t; ++j) {
                double score = 0;
                double gain = 0;
                for (std::size_t d = 0; d < dim; ++d) {
                    std::size_t const key = j * p.k.columns() + p.kv_column(head) + d;
                    score += q[t * p.q.columns() + head * dim + d] * k[key];
                    gain += wide(p.dout(t, head * dim + d)) * v[key];
                }
                double const weight = std::exp(wide(p.s.scale) * score);
                total += weight;
                weighed += weight * gain;
            }
            result += weighed / total;
        }
    }
    return result;
}

/// The gradients in double and the error that arithmetic in float may have, to first order in u = 2^-24, where sums may
/// be in any order: n terms are wrong by n u Σ |term|.
struct reference {
    explicit reference(problem const& p)
        : q(p.q.rows(), p.q.columns()), k(p.k.rows(), p.k.columns()), v(k), q_error(q), k_error(k), v_error(k) {
        for (std::size_t text = 0; text < p.q.rows() / p.s.tokens; ++text) {
            for (std::size_t t = 0; t < p.s.tokens; ++t) {
                for (std::size_t head = 0; head < p.heads(); ++head) {
                    row(p, text * p.s.tokens, t, head);
                }
            }
        }
    }

    void row(problem const& p, std::size_t text, std::size_t t, std::size_t head) {
        double const u = 1.01 * unit_roundoff;  // for the terms of higher order
        std::size_t const dim = p.s.head_dim;
        std::size_t const begin = p.begin(t);
        std::size_t const n = t + 1 - begin;
        auto const terms = static_cast<double>(n);
        double const scale = wide(p.s.scale);
        std::vector<double> probability(n), gain(n), gain_size(n);
        double largest_magnitude = 0;
        for (std::size_t j = 0; j < n; ++j) {
            double magnitude = 0;
            for (std::size_t d = 0; d < dim; ++d) {
                std::size_t const column = p.kv_column(head) + d;
                double const product = wide(p.q(text + t, head * dim + d)) * wide(p.k(text + begin + j, column));
                double const other = wide(p.dout(text + t, head * dim + d)) * wide(p.v(text + begin + j, column));
                probability[j] += scale * product;
                magnitude += scale * std::fabs(product);
                gain[j] += other;
                gain_size[j] += std::fabs(other);
            }
            largest_magnitude = std::max(largest_magnitude, magnitude);
        }
        auto const [least, most] = std::minmax_element(probability.begin(), probability.end());
        double const spread = *most - *least;
        double const top = *most;
        double total = 0;
        for (double& x : probability) {
            x = std::exp(x - top);
            total += x;
        }
        double mean = 0;
        for (std::size_t j = 0; j < n; ++j) {
            probability[j] /= total;
            mean += probability[j] * gain[j];
        }
        // Of a weight: the dot product, fma and shift, exp; of a probability also the sum of n, 1 / total, a product.
        auto const wide_dim = static_cast<double>(dim);
        double const weight = (wide_dim + 1) * u * largest_magnitude + 3 * u + u * spread;
        double const relative = 2 * weight + (terms + 4) * u;
        double mean_error = 2 * u * std::fabs(mean);
        for (std::size_t j = 0; j < n; ++j) {
            mean_error += probability[j] * (relative * std::fabs(gain[j]) + wide_dim * u * gain_size[j]);
        }
        auto const rows = static_cast<double>(p.s.tokens * p.heads() / p.s.kv_heads);
        for (std::size_t j = 0; j < n; ++j) {
            double const difference = gain[j] - mean;
            double const ds = scale * probability[j] * difference;
            // The difference, the products with p and scale.
            double const ds_error = scale * probability[j] *
                                    (relative * std::fabs(difference) + wide_dim * u * gain_size[j] + mean_error +
                                     3 * u * std::fabs(difference));
            for (std::size_t d = 0; d < dim; ++d) {
                std::size_t const key = text + begin + j;
                std::size_t const column = p.kv_column(head) + d;
                std::size_t const at = head * dim + d;
                double const qx = wide(p.q(text + t, at));
                double const kx = wide(p.k(key, column));
                double const gx = wide(p.dout(text + t, at));
                q(text + t, at) += ds * kx;
                q_error(text + t, at) += (ds_error + (terms + 64) * u * std::fabs(ds)) * std::fabs(kx);  // 64 masked
                k(key, column) += ds * qx;
                k_error(key, column) += (ds_error + rows * u * std::fabs(ds)) * std::fabs(qx);
                v(key, column) += probability[j] * gx;
                v_error(key, column) += probability[j] * (relative + rows * u) * std::fabs(gx);
            }
        }
    }

    matrix<double> q, k, v, q_error, k_error, v_error;
};

/// The largest error as a share of its bound; 2^-120 for weights that vanish in float.
double share_of_bound(matrix<float> const& got, matrix<double> const& exact, matrix<double> const& error) {
    double worst = 0;
    for (std::size_t i = 0; i < got.rows() * got.columns(); ++i) {
        worst =
            nibble_test::worse(worst, std::fabs(wide(got.data()[i]) - exact.data()[i]) / (error.data()[i] + 0x1p-120));
    }
    return worst;
}

struct example {
    std::size_t texts;
    std::size_t heads;
    attention_shape shape;
};

constexpr std::size_t huge = (std::numeric_limits<std::size_t>::max)();
example const small[] = {{1, 4, {7, 1, 6, 0}}, {1, 2, {9, 2, 5, 3}}, {1, 1, {1, 1, 4, 0}}, {1, 4, {6, 2, 3, 1}}};
example const large[] = {
    {3, 4, {70, 1, 32, 0}},   {2, 4, {130, 2, 17, 40}},  {1, 2, {200, 1, 16, 65}},
    {2, 3, {64, 3, 8, 64}},   {1, 2, {65, 1, 5, 1}},     {5, 2, {1, 1, 4, 0}},
    {2, 1, {33, 1, 1, 1000}}, {1, 4, {129, 1, 8, huge}}, {1, 8, {150, 2, 12, 2}},
};

}  // namespace

TEST_CASE("the derivative of attention that errors are measured against is that of its formula") {
    for (auto const& [texts, heads, shape] : small) {
        CAPTURE(heads, shape.tokens, shape.window);
        problem const p(texts, heads, shape);
        reference const exact(p);
        auto const doubles = [](matrix<float> const& x) {
            return std::vector<double>(x.data(), x.data() + x.rows() * x.columns());
        };
        std::vector<double> x[] = {doubles(p.q), doubles(p.k), doubles(p.v)};
        matrix<double> const* const derivative[] = {&exact.q, &exact.k, &exact.v};
        for (int which = 0; which < 3; ++which) {
            for (std::size_t i = 0; i < x[which].size(); ++i) {
                double const at = x[which][i];
                auto const value = [&](double by) {
                    x[which][i] = at + by;
                    double const result = forward(p, x[0], x[1], x[2]);
                    x[which][i] = at;
                    return result;
                };
                // At most 36 outputs a column, each a mean of |v| <= 1, and |dout| <= 1: rounded some 300 times.
                auto const slope = nibble_test::central_difference(value, 1e-3, 300 * 36 * 6 * 0x1p-53);
                REQUIRE(std::fabs(derivative[which]->data()[i] - slope.value) <= slope.error);
            }
        }
    }
}

TEST_CASE("attention_backward is within the error of float arithmetic, for any window and any groups of heads") {
    for (auto const* const list : {&small[0], &large[0]}) {
        std::size_t const count = list == &small[0] ? std::size(small) : std::size(large);
        for (std::size_t i = 0; i < count; ++i) {
            auto const& [texts, heads, shape] = list[i];
            CAPTURE(texts, heads, shape.tokens, shape.kv_heads, shape.head_dim, shape.window);
            problem const p(texts, heads, shape);
            reference const exact(p);
            auto const got = run(p);
            CHECK(share_of_bound(got.q, exact.q, exact.q_error) <= 1);
            CHECK(share_of_bound(got.k, exact.k, exact.k_error) <= 1);
            CHECK(share_of_bound(got.v, exact.v, exact.v_error) <= 1);
        }
    }
}

TEST_CASE("attention_backward has the same bits for 1, 2 and 5 threads, and dq may lie over q or dout") {
    for (auto const& [texts, heads, shape] : large) {
        CAPTURE(texts, heads, shape.tokens, shape.kv_heads, shape.window);
        problem const p(texts, heads, shape);
        auto const expected = run(p);
        for (auto const set : supported_sets()) {
            CHECK(same_bits(run(p, cpu{}, set), expected));
        }
        for (std::size_t const threads : {1u, 2u, 5u}) {
            nibble::thread_pool pool(threads);
            CHECK(same_bits(run(p, cpu(pool)), expected));
            auto over = p;
            gradients g{{}, p.k, p.v};
            attention_backward(cpu(pool), p.s, over.q, p.k, p.v, p.dout, over.q, g.k, g.v);
            CHECK(nibble_test::same_bits(over.q, expected.q));
            attention_backward(cpu(pool), p.s, p.q, p.k, p.v, over.dout, over.dout, g.k, g.v);
            CHECK(nibble_test::same_bits(over.dout, expected.q));
            CHECK(nibble_test::same_bits(g.k, expected.k));
        }
    }
}

TEST_CASE("a text among others has the bits of the text alone") {
    problem const p(3, 4, {70, 2, 16, 20});
    auto const together = run(p);
    problem alone = p;
    auto const second = [](matrix<float> const& x) {
        matrix<float> result(70, x.columns());
        std::copy_n(x.row(70).data(), 70 * x.columns(), result.data());
        return result;
    };
    for (auto* const x : {&alone.q, &alone.k, &alone.v, &alone.dout}) {
        *x = second(*x);
    }
    CHECK(same_bits(run(alone), {second(together.q), second(together.k), second(together.v)}));
}

TEST_CASE("a token that sees only itself passes its gradient to its value alone") {
    problem const p(2, 1, {5, 1, 16, 1});
    auto const got = run(p);
    CHECK(nibble_test::same_bits(got.v, p.dout));
    CHECK(std::all_of(got.q.data(), got.q.data() + 160, [](float x) { return x == 0.0f; }));
    CHECK(std::all_of(got.k.data(), got.k.data() + 160, [](float x) { return x == 0.0f; }));
}

TEST_CASE("attention_backward refuses shapes that disagree, broken texts and a scale that is not positive") {
    problem const p(2, 4, {6, 2, 8, 0});
    auto const refused = [&](char const* words, attention_shape const& shape, matrix<float> const& q,
                             matrix<float> const& k, matrix<float> const& v, matrix<float> dq, matrix<float> dk) {
        matrix<float> dv = k;
        CHECK_THROWS_MATCHES(attention_backward(cpu{}, shape, q, k, v, p.dout, dq, dk, dv), nibble::error,
                             Catch::Matchers::MessageMatches(Catch::Matchers::ContainsSubstring(words)));
    };
    attention_shape five = p.s;
    five.tokens = 5;
    attention_shape none = p.s;
    none.tokens = 0;
    attention_shape wide_heads = p.s;
    wide_heads.head_dim = 16;
    attention_shape flat = p.s;
    flat.scale = 0.0f;
    refused("are not whole texts of 5 tokens", five, p.q, p.k, p.v, p.q, p.k);
    refused("are not whole texts of 0 tokens", none, p.q, p.k, p.v, p.q, p.k);
    refused("2 key-value heads of 16", wide_heads, p.q, p.k, p.v, p.q, p.k);
    refused("k, v, dk and dv of 12 x 16, 12 x 32", p.s, p.q, p.k, p.q, p.q, p.k);
    refused("q, dq and dout of 12 x 32, 12 x 16", p.s, p.q, p.k, p.v, p.k, p.k);
    refused("q, dq and dout of 12 x 16", p.s, p.k, p.k, p.v, p.q, p.k);
    refused("a scale of 0.0", flat, p.q, p.k, p.v, p.q, p.k);
}

TEST_CASE("attention_backward takes no texts and no query heads") {
    matrix<float> q(0, 32);
    matrix<float> k(0, 8);
    CHECK_NOTHROW(attention_backward(cpu{}, {4, 1, 8}, q, k, k, q, q, k, k));
    matrix<float> no_heads(4, 0);
    auto const kv = nibble_test::random_matrix(4, 8, 1.0f);
    auto dk = kv;
    auto dv = kv;
    attention_backward(cpu{}, {4, 1, 8}, no_heads, kv, kv, no_heads, no_heads, dk, dv);
    CHECK(dk == matrix<float>(4, 8));
    CHECK(dv == matrix<float>(4, 8));
}
