// SPDX-License-Identifier: Apache-2.0
#include <nibble/nn/gradient_clip.hpp>
#include <nibble/tensor/thread_pool.hpp>

#include <catch2/catch_test_macros.hpp>
#include <nn/layers.hpp>
#include <numeric/ulp.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <vector>

using nibble::cpu;
using nibble_test::random_floats;
using spans = std::vector<std::span<float>>;

namespace {

/// Tensors of one piece and less, of several, and of nothing.
struct gradients {
    std::vector<std::vector<float>> tensors;

    explicit gradients(float size) {
        for (std::size_t const count : {1u, 0u, 7u, 8u, 1000u, 65536u, 200003u}) {
            tensors.push_back(random_floats(count, size, count + 1));
        }
    }
    spans all() { return {tensors.begin(), tensors.end()}; }
};

}  // namespace

TEST_CASE("the global norm is the root of the sum of squares within its bound, for gradients from 1e-38 to 1e31") {
    for (float const size : {1e-38f, 1e-3f, 1.0f, 1e31f}) {
        CAPTURE(size);
        gradients g(size);
        long double sum = 0;
        for (auto const& tensor : g.tensors) {
            for (float const x : tensor) {
                sum += static_cast<long double>(x) * static_cast<long double>(x);
            }
        }
        auto const exact = static_cast<double>(std::sqrt(sum));
        constexpr double pieces = 9;
        // In long double the reference is exact within 2^-64 for each of its additions: 266,555 of them, below 2^-45.
        double const bound = (8200 + pieces) * 0x1p-54 + 0x1p-53 + 0x1p-46;
        CHECK(std::fabs(global_norm(cpu{}, g.all()) - exact) <= 1.001 * bound * exact);
    }
}

TEST_CASE("the global norm has the same bits for 1, 2 and 5 threads, and of constant tensors") {
    gradients g(1.0f);
    auto const tensors = g.all();
    double const expected = global_norm(cpu{}, tensors);
    for (std::size_t const threads : {1u, 2u, 5u}) {
        nibble::thread_pool pool(threads);
        CHECK(global_norm(cpu(pool), tensors) == expected);
    }
    std::vector<std::span<float const>> const constant(tensors.begin(), tensors.end());
    CHECK(global_norm(cpu{}, constant) == expected);
}

TEST_CASE("the global norm of integers is exact, of nothing 0") {
    std::vector<float> a{3.0f, -4.0f};
    std::vector<float> b(11, 0.0f);
    b[10] = 12.0f;
    CHECK(global_norm(cpu{}, spans{a, b}) == 13.0);
    CHECK(global_norm(cpu{}, spans{}) == 0.0);
}

TEST_CASE("P25: one gradient that is not finite, anywhere, gives a norm that is not; the largest floats do not") {
    for (float const bad : {nibble_test::quiet_nan, nibble_test::infinity, -nibble_test::infinity}) {
        for (std::size_t const tensor : {0u, 2u, 6u}) {
            gradients g(1.0f);
            g.tensors[tensor].back() = bad;
            CHECK(!std::isfinite(global_norm(cpu{}, g.all())));
            g.tensors[tensor].back() = 0.0f;
            g.tensors[tensor].front() = bad;
            CHECK(!std::isfinite(global_norm(cpu{}, g.all())));
        }
    }
    std::vector<float> largest(100000, (std::numeric_limits<float>::max)());
    CHECK(std::isfinite(global_norm(cpu{}, spans{largest})));
}

TEST_CASE("gradients scaled by clip_factor have the norm of the limit, shorter ones stay") {
    gradients g(1.0f);
    auto const tensors = g.all();
    double const norm = global_norm(cpu{}, tensors);
    CHECK(nibble::clip_factor(norm, norm) == 1.0f);
    CHECK(nibble::clip_factor(0.0, 1.0) == 1.0f);
    float const factor = nibble::clip_factor(norm, 0.25);
    auto expected = g.tensors;
    for (auto& tensor : expected) {
        for (float& x : tensor) {
            x *= factor;
        }
    }
    for (std::size_t const threads : {1u, 2u, 5u}) {
        nibble::thread_pool pool(threads);
        gradients again(1.0f);
        scale_gradients(cpu(pool), again.all(), factor);
        CHECK(again.tensors == expected);
        // The factor and each product are rounded once to 2^-24, the norms to less than 2^-40.
        CHECK(std::fabs(global_norm(cpu(pool), again.all()) - 0.25) <= 0.25 * (2 * 0x1p-24 + 0x1p-39));
    }
}
