// SPDX-License-Identifier: Apache-2.0
#include <nibble/nn/attention.hpp>
#include <nibble/numeric/exp.hpp>
#include <nibble/numeric/fine_code.hpp>
#include <nibble/tensor/thread_pool.hpp>

#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>
#include <nn/layers.hpp>
#include <numeric/ulp.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <iterator>
#include <span>
#include <type_traits>
#include <vector>

using nibble::cpu;
using nibble::isa;
using nibble::matrix;
using nibble_test::unit_roundoff;

namespace {

struct shape {
    std::size_t tokens;
    std::size_t heads;
    std::size_t kv_heads;
    std::size_t head_dim;
    std::size_t first;
    std::size_t window;
};

/// Queries, and keys and values [kv_head][position][D] of every position up to the last.
struct problem {
    explicit problem(shape const& given)
        : s(given), positions(s.first + s.tokens),
          q(nibble_test::random_matrix(s.tokens, s.heads * s.head_dim, 2.0f, 3)),
          keys(nibble_test::random_floats(s.kv_heads * positions * s.head_dim, 1.0f, 4)),
          values(nibble_test::random_floats(s.kv_heads * positions * s.head_dim, 1.0f, 5)) {}

    float scale() const { return 1.0f / std::sqrt(static_cast<float>(s.head_dim)); }
    std::size_t begin(std::size_t token) const {
        std::size_t const end = s.first + token + 1;
        return s.window == 0 || end < s.window ? 0 : end - s.window;
    }

    /// The positions from `from` on, in a cache of T of `capacity` slots; what else is in it is NaN.
    template <class T = float>
    matrix<float> run(std::size_t capacity, std::size_t from, cpu where, isa set) const {
        std::vector<T> k(s.kv_heads * capacity * s.head_dim, T(nibble_test::quiet_nan));
        std::vector<T> v = k;
        std::vector<float> key_scales(s.kv_heads * capacity, nibble_test::quiet_nan);
        std::vector<float> value_scales = key_scales;
        for (std::size_t head = 0; head < s.kv_heads; ++head) {
            for (std::size_t p = from; p < positions; ++p) {
                std::size_t const slot = head * capacity + p % capacity;
                float const of_key = key_scales[slot] = scale_of<T>(keys, head * positions + p);
                float const of_value = value_scales[slot] = scale_of<T>(values, head * positions + p);
                for (std::size_t d = 0; d < s.head_dim; ++d) {
                    k[slot * s.head_dim + d] = T(keys[(head * positions + p) * s.head_dim + d] / of_key);
                    v[slot * s.head_dim + d] = T(values[(head * positions + p) * s.head_dim + d] / of_value);
                }
            }
        }
        matrix<float> out(s.tokens, s.heads * s.head_dim);
        nibble::any_kv_view const view = nibble::kv_view<T>{k.data(),   v.data(),          s.kv_heads,         capacity,
                                                            s.head_dim, key_scales.data(), value_scales.data()};
        nibble::attention(where, q, view, s.first, s.window, scale(), out, set);
        return out;
    }
    matrix<float> run(cpu where = {}, isa set = nibble::best_isa()) const { return run(positions, 0, where, set); }

    /// The same problem with keys and values rounded to T.
    template <class T>
    problem rounded() const {
        problem result = *this;
        for (auto* x : {&result.keys, &result.values}) {
            for (std::size_t row = 0; row < x->size() / s.head_dim; ++row) {
                float const scale_of_row = scale_of<T>(*x, row);
                for (float& y : std::span(*x).subspan(row * s.head_dim, s.head_dim)) {
                    y = static_cast<float>(T(y / scale_of_row)) * scale_of_row;
                }
            }
        }
        return result;
    }

    /// Of a row of keys or values: its largest magnitude over 127 where T is a code, else 1.
    template <class T>
    float scale_of(std::vector<float> const& x, std::size_t row) const {
        float most = 0;
        for (float const y : std::span(x).subspan(row * s.head_dim, s.head_dim)) {
            most = std::max(most, std::fabs(y));
        }
        return std::is_same_v<T, nibble::signed_code<8>> && most != 0 ? most / 127 : 1.0f;
    }

    shape s;
    std::size_t positions;
    matrix<float> q;
    std::vector<float> keys;
    std::vector<float> values;
};

/// Lane i + 8 to lane i, then 4, 2 and 1.
float tree(std::vector<float> lanes) {
    for (std::size_t width = 8; width != 0; width /= 2) {
        for (std::size_t i = 0; i < width; ++i) {
            lanes[i] += lanes[i + width];
        }
    }
    return lanes[0];
}

/// The definition, one number after the other.
matrix<float> definition(problem const& p) {
    std::size_t const dim = p.s.head_dim;
    matrix<float> out(p.s.tokens, p.s.heads * dim);
    for (std::size_t token = 0; token < p.s.tokens; ++token) {
        for (std::size_t head = 0; head < p.s.heads; ++head) {
            std::size_t const kv_head = head / (p.s.heads / p.s.kv_heads);
            std::size_t const row = kv_head * p.positions + p.begin(token);
            std::vector<float> weights(p.s.first + token + 1 - p.begin(token));
            for (std::size_t i = 0; i < weights.size(); ++i) {
                std::vector<float> lanes(16);
                for (std::size_t d = 0; d < dim; ++d) {
                    lanes[d % 16] = std::fma(p.q(token, head * dim + d), p.keys[(row + i) * dim + d], lanes[d % 16]);
                }
                weights[i] = tree(lanes);
            }
            float const largest = p.scale() * *std::max_element(weights.begin(), weights.end());
            std::vector<float> lanes(16);
            for (std::size_t i = 0; i < weights.size(); ++i) {
                weights[i] = nibble::exp(std::fma(p.scale(), weights[i], -largest));
                lanes[i % 16] += weights[i];
            }
            for (std::size_t d = 0; d < dim; ++d) {
                float sum = 0.0f;
                for (std::size_t i = 0; i < weights.size(); ++i) {
                    sum = std::fma(weights[i], p.values[(row + i) * dim + d], sum);
                }
                out(token, head * dim + d) = sum / tree(lanes);
            }
        }
    }
    return out;
}

/// The largest error of a head of a token, as a multiple of the bound that attention states.
double share_of_bound(problem const& p, matrix<float> const& out, std::size_t token, std::size_t head) {
    std::size_t const dim = p.s.head_dim;
    std::size_t const kv_head = head / (p.s.heads / p.s.kv_heads);
    std::size_t const begin = p.begin(token);
    std::size_t const n = p.s.first + token + 1 - begin;
    float const* const q = p.q.row(token).data() + head * dim;
    std::vector<double> score(n);
    double largest_magnitude = 0;
    for (std::size_t i = 0; i < n; ++i) {
        double magnitude = 0;
        for (std::size_t d = 0; d < dim; ++d) {
            double const product =
                static_cast<double>(q[d]) * static_cast<double>(p.keys[(kv_head * p.positions + begin + i) * dim + d]);
            score[i] += product;
            magnitude += std::fabs(product);
        }
        score[i] *= static_cast<double>(p.scale());
        largest_magnitude = std::max(largest_magnitude, magnitude * static_cast<double>(p.scale()));
    }
    auto const [least, most] = std::minmax_element(score.begin(), score.end());
    double const spread = *most - *least;
    double const top = *most;
    double total = 0;
    for (double& x : score) {
        x = std::exp(x - top);
        total += x;
    }
    double const u = unit_roundoff;
    double const dots = (static_cast<double>(dim) / 16 + 6) * u * largest_magnitude;
    double const weight = dots + 3 * u + u * spread;
    double const relative = 2 * weight + (static_cast<double>(n) * 17 / 16 + 8) * u;
    double worst = 0;
    for (std::size_t d = 0; d < dim; ++d) {
        double exact = 0;
        double magnitude = 0;
        for (std::size_t i = 0; i < n; ++i) {
            double const term =
                score[i] / total * static_cast<double>(p.values[(kv_head * p.positions + begin + i) * dim + d]);
            exact += term;
            magnitude += std::fabs(term);
        }
        double const error = std::fabs(static_cast<double>(out(token, head * dim + d)) - exact);
        worst = std::max(worst, error / (relative * magnitude));
    }
    return worst;
}

constexpr shape shapes[] = {
    {5, 4, 1, 256, 0, 0},  {3, 1, 1, 16, 0, 0},   {9, 2, 1, 32, 20, 8},   {4, 8, 4, 64, 100, 0}, {7, 3, 1, 80, 13, 5},
    {2, 7, 1, 48, 70, 64}, {3, 10, 2, 5, 33, 17}, {1, 4, 2, 100, 300, 0}, {6, 2, 2, 1, 0, 1},    {40, 4, 1, 64, 0, 12},
};

}  // namespace

TEST_CASE("attention is softmax of scaled products over the visible positions, within its stated error") {
    for (shape const& s : shapes) {
        CAPTURE(s.tokens, s.heads, s.kv_heads, s.head_dim, s.first, s.window);
        problem const p(s);
        auto const out = p.run();
        double worst = 0;
        for (std::size_t token = 0; token < s.tokens; ++token) {
            for (std::size_t head = 0; head < s.heads; ++head) {
                worst = std::max(worst, share_of_bound(p, out, token, head));
            }
        }
        CHECK(worst <= 1);
    }
}

TEST_CASE("attention has the bits of its definition on every instruction set and for 1 to 8 threads") {
    for (shape const& s : shapes) {
        CAPTURE(s.tokens, s.heads, s.kv_heads, s.head_dim, s.first, s.window);
        problem const p(s);
        auto const expected = definition(p);
        for (auto const set : supported_sets()) {
            CAPTURE(static_cast<int>(set));
            for (std::size_t threads = 1; threads <= 8; ++threads) {
                nibble::thread_pool pool(threads);
                CHECK(nibble_test::same_bits(p.run(cpu(pool), set), expected));
            }
        }
    }
}

TEMPLATE_TEST_CASE("keys and values of few bits give the bits of f32 ones rounded so, on every set and any threads", "",
                   nibble::f16, nibble::bf16, nibble::signed_code<8>) {
    std::vector<shape> all(std::begin(shapes), std::end(shapes));
    all.push_back({1, 4, 1, 40, 1500, 0});  // cut over threads
    for (shape const& s : all) {
        CAPTURE(s.tokens, s.heads, s.kv_heads, s.head_dim, s.first, s.window);
        problem p(s);
        for (std::size_t i = 0; i < p.keys.size(); i += 7) {
            p.keys[i] *= 0x1p-18f;  // subnormal in f16
            p.values[i] *= 0x1p-18f;
        }
        auto const expected = definition(p.rounded<TestType>());
        REQUIRE(((std::is_same_v<TestType, nibble::signed_code<8>> && s.head_dim == 1) ||
                 !nibble_test::same_bits(expected, definition(p))));
        for (auto const set : supported_sets()) {
            CAPTURE(static_cast<int>(set));
            for (std::size_t const threads : {1u, 3u, 8u}) {
                nibble::thread_pool pool(threads);
                CHECK(nibble_test::same_bits(p.run<TestType>(p.positions, 0, cpu(pool), set), expected));
            }
            std::size_t const needed = p.positions - p.begin(0);
            CHECK(nibble_test::same_bits(p.run<TestType>(needed + 1, p.begin(0), cpu{}, set), expected));
        }
    }
}

TEST_CASE("a long context cut over threads has the bits of the definition") {
    for (shape const& s : {shape{1, 4, 1, 32, 1500, 0}, shape{2, 3, 1, 70, 1100, 1050}, shape{1, 2, 2, 16, 1030, 0}}) {
        problem const p(s);
        auto const expected = definition(p);
        for (auto const set : supported_sets()) {
            for (std::size_t threads = 1; threads <= 8; ++threads) {
                nibble::thread_pool pool(threads);
                CHECK(nibble_test::same_bits(p.run(cpu(pool), set), expected));
            }
        }
    }
}

TEST_CASE("a token of a batch has the bits of the token alone") {
    for (shape const& s : shapes) {
        problem const p(s);
        auto const together = p.run();
        for (std::size_t token = 0; token < s.tokens; ++token) {
            problem alone = p;
            alone.s.first = s.first + token;
            alone.s.tokens = 1;
            alone.q = matrix<float>(1, p.q.columns());
            std::copy_n(p.q.row(token).data(), p.q.columns(), alone.q.data());
            REQUIRE(nibble_test::same_bits(alone.run().row(0), together.row(token)));
        }
    }
}

TEST_CASE("where a position lies in the cache changes no bit, and what is not visible is not read") {
    for (shape const& s : shapes) {
        CAPTURE(s.tokens, s.heads, s.head_dim, s.first, s.window);
        problem const p(s);
        auto const expected = p.run();
        for (auto const set : supported_sets()) {
            std::size_t const needed = p.positions - p.begin(0);
            for (std::size_t capacity = needed; capacity < needed + 5; ++capacity) {
                REQUIRE(nibble_test::same_bits(p.run(capacity, p.begin(0), cpu{}, set), expected));
            }
        }
    }
}

TEST_CASE("a query that sees one position returns its value, bit for bit") {
    problem const p({1, 4, 2, 40, 9, 1});
    auto const out = p.run();
    for (std::size_t head = 0; head < 4; ++head) {
        float const* const value = p.values.data() + (head / 2 * p.positions + 9) * 40;
        CHECK(nibble_test::same_bits(out.row(0).subspan(head * 40, 40), {value, 40}));
    }
}

TEST_CASE("scores of any size neither overflow nor lose the largest") {
    problem p({1, 1, 1, 16, 20, 0});
    for (float& x : p.q.row(0)) {
        x = 1e15f;
    }
    std::fill_n(p.keys.data() + 7 * 16, 16, 1e15f);  // position 7 takes it all
    auto const out = p.run();
    CHECK(nibble_test::same_bits(out.row(0), {p.values.data() + 7 * 16, 16}));
}

TEST_CASE("NaN in a key reaches the queries that see it and no other") {
    problem p({6, 2, 1, 16, 0, 3});
    p.keys[2 * 16 + 5] = nibble_test::quiet_nan;
    auto const out = p.run();
    for (std::size_t token = 0; token < 6; ++token) {
        for (float const x : out.row(token)) {
            REQUIRE(std::isnan(x) == (token >= 2 && token <= 4));
        }
    }
}

TEST_CASE("attention refuses shapes that disagree, a cache too small and a scale that is not positive") {
    matrix<float> q(3, 64);
    std::vector<float> const cache(1000);
    auto const call = [&](std::size_t columns, nibble::kv_view<float> view, std::size_t first, std::size_t window,
                          float scale) {
        matrix<float> out(3, columns);
        nibble::attention(cpu{}, q, view, first, window, scale, out);
    };
    float const* const data = cache.data();
    CHECK_NOTHROW(call(64, {data, data, 2, 6, 16}, 3, 0, 1.0f));
    CHECK_NOTHROW(call(64, {data, data, 2, 6, 16}, 30, 4, 1.0f));
    CHECK_THROWS_AS(call(32, {data, data, 2, 6, 16}, 0, 0, 1.0f), nibble::error);
    CHECK_THROWS_AS(call(64, {data, data, 3, 6, 16}, 0, 0, 1.0f), nibble::error);
    CHECK_THROWS_AS(call(64, {data, data, 0, 6, 16}, 0, 0, 1.0f), nibble::error);
    CHECK_THROWS_AS(call(64, {data, data, 2, 6, 16}, 4, 0, 1.0f), nibble::error);
    CHECK_THROWS_AS(call(64, {data, data, 2, 6, 16}, 30, 5, 1.0f), nibble::error);
    CHECK_THROWS_AS(call(64, {data, data, 2, 6, 16}, 0, 0, 0.0f), nibble::error);
    CHECK_THROWS_AS(call(64, {data, data, 2, 6, 16}, 0, 0, -1.0f), nibble::error);
    CHECK_THROWS_AS(call(64, {data, data, 2, 6, 16}, 0, 0, nibble_test::quiet_nan), nibble::error);
}
