// SPDX-License-Identifier: Apache-2.0
#include <nibble/nn/cpu/kernels.hpp>
#include <nibble/numeric/exp.hpp>
#include <nibble/tensor/thread_pool.hpp>

#include <catch2/catch_test_macros.hpp>
#include <nn/layers.hpp>
#include <numeric/ulp.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

using nibble_test::from_bits;
using nibble_test::to_bits;

namespace {

/// What the kernels' exp is to give.
float normal_exp(float x) {
    float const y = nibble::exp(x);
    return y < 0x1p-126f ? 0.0f : y;
}

/// The documented tree: lane i takes lane i + 8, then i + 4, i + 2 and i + 1.
template <class T>
T tree(std::vector<T> lanes) {
    for (std::size_t width = 8; width != 0; width /= 2) {
        for (std::size_t i = 0; i < width; ++i) {
            lanes[i] += lanes[i + width];
        }
    }
    return lanes[0];
}

}  // namespace

TEST_CASE("exp of the kernels has the bits of nibble::exp, and is 0 where that is subnormal") {
    for (auto const set : supported_sets()) {
        CAPTURE(static_cast<int>(set));
        auto const& kernels = nibble::detail::layers(set, "this test");
        auto const wrong = [&](std::uint32_t bits) {
            float const x = from_bits(bits);
            double const y = kernels.sum_of_exp(&x, 1, 0.0f);  // one float in a double: exact
            double const expected = static_cast<double>(normal_exp(x));
            return y == expected || (std::isnan(y) && std::isnan(expected)) ? 0 : 1;
        };
        int count = 0;
        for (std::uint64_t bits = 0; bits < 0x100000000u; bits += 4001) {
            count += wrong(static_cast<std::uint32_t>(bits));
        }
        for (float const edge : {nibble::detail::smallest_exp_argument, nibble::detail::infinite_exp_argument}) {
            for (std::uint32_t bits = to_bits(edge) - 1000; bits != to_bits(edge) + 1000; ++bits) {
                count += wrong(bits);
            }
        }
        CHECK(count == 0);
    }
}

TEST_CASE("softmax_weights are exp(scale · x − scale · max), their sum is 16 lanes in a tree, and zeros follow") {
    for (std::size_t const count : {1u, 15u, 16u, 17u, 100u}) {
        auto const x = nibble_test::random_floats(count, 60.0f);
        float const scale = 0.75f;
        float const shift = *std::max_element(x.begin(), x.end()) * scale;
        std::vector<float> expected((count + 15) / 16 * 16);
        std::vector<float> lanes(16);
        for (std::size_t i = 0; i < count; ++i) {
            expected[i] = normal_exp(std::fma(x[i], scale, -shift));
            lanes[i % 16] += expected[i];
        }
        for (auto const set : supported_sets()) {
            CAPTURE(count, static_cast<int>(set));
            auto weights = x;
            weights.resize(expected.size(), nibble_test::quiet_nan);
            CHECK(nibble::detail::layers(set, "this test").softmax_weights(weights.data(), count, scale) ==
                  tree(lanes));
            CHECK(nibble_test::same_bits(weights, expected));
        }
    }
}

TEST_CASE("sum_of_exp adds 16 lanes of doubles in a tree") {
    for (std::size_t const count : {1u, 15u, 16u, 17u, 100u}) {
        auto const x = nibble_test::random_floats(count, 10.0f);
        std::vector<double> lanes(16);
        for (std::size_t i = 0; i < count; ++i) {
            lanes[i % 16] += static_cast<double>(nibble::exp(x[i] - 10.0f));
        }
        for (auto const set : supported_sets()) {
            CHECK(nibble::detail::layers(set, "this test").sum_of_exp(x.data(), count, 10.0f) == tree(lanes));
        }
    }
}

TEST_CASE("largest finds the largest wherever it stands") {
    for (auto const set : supported_sets()) {
        for (std::size_t i = 0; i < 53; ++i) {
            std::vector<float> x(53, -3.0f);
            x[i] = -1.0f;
            REQUIRE(nibble::detail::layers(set, "this test").largest(x.data(), x.size()) == -1.0f);
        }
    }
}

TEST_CASE("small work stays with the caller, large work covers its range once") {
    nibble::thread_pool pool(4);
    int calls = 0;
    nibble::detail::for_ranges(nibble::cpu(pool), 32, 1024, [&](std::size_t begin, std::size_t end) {
        ++calls;
        CHECK((begin == 0 && end == 32));
    });
    CHECK(calls == 1);
    std::vector<int> seen(100);
    nibble::detail::for_ranges(nibble::cpu(pool), seen.size(), 1024, [&](std::size_t begin, std::size_t end) {
        for (; begin < end; ++begin) {
            ++seen[begin];
        }
    });
    CHECK(seen == std::vector<int>(100, 1));
    nibble::detail::for_ranges(nibble::cpu(pool), 0, 1024, [&](std::size_t, std::size_t) { ++calls; });
    CHECK(calls == 1);
}

TEST_CASE("an instruction set that the machine lacks is refused") {
    CHECK_THROWS_AS(nibble::detail::layers(static_cast<nibble::isa>(99), "this test"), nibble::error);
}
