// SPDX-License-Identifier: Apache-2.0
#include <nibble/nn/gelu_backward.hpp>
#include <nibble/numeric/gelu.hpp>
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
#include <numbers>
#include <utility>
#include <vector>

using nibble::cpu;
using nibble::matrix;
using nibble_test::quiet_nan;
using nibble_test::unit_roundoff;

namespace {

double wide(float x) { return static_cast<double>(x); }

double twice_u(double x) { return std::sqrt(8 / std::numbers::pi) * (x + 0.044715 * x * x * x); }
double gelu(double x) { return x / (1 + std::exp(-twice_u(x))); }

struct parts {
    double s;      ///< 1 / (1 + e^(−2u))
    double inner;  ///< x s (1 − s) (2u)′
};
parts derivative(double x) {
    double const s = 1 / (1 + std::exp(-twice_u(x)));
    double const rest = 1 / (1 + std::exp(twice_u(x)));
    return {s, x * s * rest * std::sqrt(8 / std::numbers::pi) * (1 + 3 * 0.044715 * x * x)};
}

/// The stated error of dgate for dout · up = 1, with that at the edge.
double bound(double x) {
    auto const [s, inner] = derivative(x);
    double const e = 2.1 + 4 * std::fabs(twice_u(x));
    return unit_roundoff * (s * (e * (1 - s) + 5.1) + std::fabs(inner) * (e + 13.1)) + 0x1p-120;
}

struct gradients {
    matrix<float> gate;
    matrix<float> up;
};

gradients run(matrix<float> const& gate, matrix<float> const& up, matrix<float> const& dout, cpu where = {},
              nibble::isa set = nibble::best_isa()) {
    gradients result{matrix<float>(gate.rows(), gate.columns()), matrix<float>(gate.rows(), gate.columns())};
    geglu_backward(where, gate, up, dout, result.gate, result.up, set);
    return result;
}

/// Everything from −20 to 20, and the edges.
matrix<float> gates() {
    std::vector<float> all;
    for (int i = -20000; i <= 20000; ++i) {
        all.push_back(static_cast<float>(i) / 1000.0f + 0x1p-13f);
    }
    for (float const edge : {0.0f, -0.0f, 1e-30f, -1e-30f, -10.06f, -16.0f, 16.0f, 1e20f, -1e20f, 3e38f, -3e38f}) {
        all.push_back(edge);
    }
    matrix<float> result(1, all.size());
    std::copy(all.begin(), all.end(), result.data());
    return result;
}

}  // namespace

TEST_CASE("the derivative that bounds are stated for is that of gelu_tanh") {
    for (double x = -12; x < 12; x += 0.01) {
        auto const [s, inner] = derivative(x);
        // gelu has an error of a few rounded numbers below 24.
        auto const exact = nibble_test::central_difference([&](double by) { return gelu(x + by); }, 1e-3, 24 * 0x1p-51);
        // h² is not small against the curvature: 4 terms of h⁴, of derivatives below 64.
        REQUIRE(std::fabs(s + inner - exact.value) <= exact.error + 64 * 4 * 1e-12);
    }
}

TEST_CASE("geglu_backward keeps its stated error, and its dup has the bits of dout · gelu_tanh, on every set") {
    auto const gate = gates();
    auto const up = nibble_test::random_matrix(1, gate.columns(), 3.0f, 2);
    auto const dout = nibble_test::random_matrix(1, gate.columns(), 3.0f, 3);
    auto const expected = run(gate, up, dout, cpu{}, nibble::isa::scalar);
    double worst = 0;
    for (std::size_t i = 0; i < gate.columns(); ++i) {
        double const x = std::clamp(wide(gate(0, i)), -50.0, 50.0);  // beyond, it is 0 and 1 in double
        auto const [s, inner] = derivative(x);
        double const factor = wide(dout(0, i)) * wide(up(0, i));
        worst = nibble_test::worse(worst, std::fabs(wide(expected.gate(0, i)) - factor * (s + inner)) /
                                              (std::fabs(factor) * bound(x) + 0x1p-149));
        float const product = dout(0, i) * nibble::gelu_tanh(gate(0, i));
        REQUIRE(nibble_test::to_bits(expected.up(0, i)) == nibble_test::to_bits(product));
    }
    CHECK(worst <= 1);
    for (auto const set : supported_sets()) {
        auto const got = run(gate, up, dout, cpu{}, set);
        CHECK(nibble_test::same_bits(got.gate, expected.gate));
        CHECK(nibble_test::same_bits(got.up, expected.up));
    }
}

TEST_CASE("geglu_backward writes over any two of its inputs, for any width and 1, 2 and 5 threads") {
    for (std::size_t const columns : {1u, 15u, 16u, 33u, 2048u}) {
        matrix<float> const inputs[] = {nibble_test::random_matrix(37, columns, 5.0f, 2),
                                        nibble_test::random_matrix(37, columns, 5.0f, 3),
                                        nibble_test::random_matrix(37, columns, 5.0f, 4)};
        auto const expected = run(inputs[0], inputs[1], inputs[2]);
        for (std::size_t const threads : {1u, 2u, 5u}) {
            nibble::thread_pool pool(threads);
            for (auto const& [a, b] : {std::pair(0, 1), std::pair(1, 0), std::pair(0, 2), std::pair(2, 1)}) {
                matrix<float> copies[] = {inputs[0], inputs[1], inputs[2]};
                geglu_backward(cpu(pool), copies[0], copies[1], copies[2], copies[a], copies[b]);
                CHECK(nibble_test::same_bits(copies[a], expected.gate));
                CHECK(nibble_test::same_bits(copies[b], expected.up));
            }
        }
    }
}

TEST_CASE("the derivative of gelu_tanh is one half at 0, 1 and 0 far away, and NaN for NaN") {
    matrix<float> gate(1, 5);
    matrix<float> ones(1, 5);
    std::fill_n(ones.data(), 5, 1.0f);
    float const at[] = {0.0f, 16.0f, -16.0f, quiet_nan, -1e30f};
    std::copy(std::begin(at), std::end(at), gate.data());
    for (auto const set : supported_sets()) {
        auto const got = run(gate, ones, ones, cpu{}, set);
        CHECK(got.gate(0, 0) == 0.5f);
        CHECK(got.gate(0, 1) == 1.0f);
        CHECK(got.gate(0, 2) == 0.0f);
        CHECK(std::isnan(got.gate(0, 3)));
        CHECK(std::isnan(got.up(0, 3)));
        CHECK(got.gate(0, 4) == 0.0f);
    }
}

TEST_CASE("geglu_backward refuses different shapes and takes empty ones") {
    matrix<float> a(2, 3);
    matrix<float> b(3, 2);
    matrix<float> c(2, 3);
    matrix<float> none(0, 3);
    CHECK_THROWS_MATCHES(
        geglu_backward(cpu{}, a, b, a, a, c), nibble::error,
        Catch::Matchers::MessageMatches(Catch::Matchers::ContainsSubstring("got a gate of 2 x 3 elements, and an up or "
                                                                           "a gradient of 3 x 2")));
    CHECK_THROWS_AS(geglu_backward(cpu{}, a, a, b, a, c), nibble::error);
    CHECK_THROWS_AS(geglu_backward(cpu{}, a, a, a, b, c), nibble::error);
    CHECK_THROWS_AS(geglu_backward(cpu{}, a, a, a, a, b), nibble::error);
    CHECK_NOTHROW(geglu_backward(cpu{}, none, none, none, none, none));
}
