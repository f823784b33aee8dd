// SPDX-License-Identifier: Apache-2.0
#include <nibble/gemm/activation_values.hpp>
#include <nibble/quantize/quantize.hpp>
#include <nibble/scheme/presets.hpp>
#include <nibble/tensor/repack.hpp>
#include <nibble/tensor/thread_pool.hpp>

#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>

#include <cmath>
#include <cstddef>
#include <limits>
#include <random>

using namespace nibble;

namespace {

matrix<float> normal(std::size_t rows, std::size_t columns, unsigned seed) {
    matrix<float> x(rows, columns);
    std::mt19937 random(seed);
    std::normal_distribution<float> draw;
    for (std::size_t i = 0; i < rows * columns; ++i) {
        x.data()[i] = draw(random);
    }
    return x;
}

}  // namespace

TEMPLATE_TEST_CASE("the product with int8 activations is that of the values which it sees", "[gemm]", q4_0, int3_g64,
                   int4_channel, int8_channel) {
    using St = storage_of<TestType>;
    std::size_t const k = 320;  // a row of int8_channel has three segments
    auto const x = normal(5, k, 1);
    auto const w = quantize<TestType>(cpu{}, normal(9, k, 2));
    auto const decoded = dequantize(cpu{}, w);
    auto const seen = int8_activation_values<St>(cpu{}, x);
    auto const y = gemm<int8_activations>(cpu{}, x, repack(cpu{}, w));
    for (std::size_t row = 0; row < 5; ++row) {
        for (std::size_t n = 0; n < 9; ++n) {
            double sum = 0;
            double size = 0;
            for (std::size_t c = 0; c < k; ++c) {
                double const term = static_cast<double>(seen(row, c)) * static_cast<double>(decoded(n, c));
                sum += term;
                size += std::fabs(term);
            }
            // A product of scales and an fma a segment, at most 10 of them, and the rounding of each value seen.
            CHECK(std::fabs(static_cast<double>(y(row, n)) - sum) <= 22 * 0x1p-24 * size);
        }
    }
    thread_pool pool(3);
    CHECK(int8_activation_values<St>(cpu{pool}, x) == seen);
}

TEST_CASE("a value is within half a step of the value seen, and what cannot be seen is 0 or NaN", "[gemm]") {
    auto x = normal(4, 70, 3);
    for (std::size_t c = 0; c < 32; ++c) {
        x(2, c) = 1e-38f;
    }
    x(3, 40) = (std::numeric_limits<float>::infinity)();
    auto const seen = int8_activation_values<storage_of<int4_g32>>(cpu{}, x);
    for (std::size_t row = 0; row < 2; ++row) {
        for (std::size_t first = 0; first < 70; first += 32) {
            float most = 0;
            for (std::size_t c = first; c < std::min<std::size_t>(70, first + 32); ++c) {
                most = std::fmax(most, std::fabs(x(row, c)));
            }
            for (std::size_t c = first; c < std::min<std::size_t>(70, first + 32); ++c) {
                CHECK(std::fabs(seen(row, c) - x(row, c)) <= most / 254.0f * (1.0f + 0x1p-16f));
            }
        }
    }
    CHECK(seen(2, 5) == 0.0f);
    CHECK(std::isnan(seen(3, 33)));
    CHECK(std::isfinite(seen(3, 5)));
}
