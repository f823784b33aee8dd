// SPDX-License-Identifier: Apache-2.0
#include <nibble/gemm.hpp>
#include <nibble/quantize.hpp>
#include <nibble/tensor/repack.hpp>

#include <catch2/catch_template_test_macros.hpp>

#include <cmath>
#include <cstring>
#include <random>
#include <support/schemes.hpp>

using namespace nibble;

namespace {

matrix<float> normal(std::size_t rows, std::size_t columns, unsigned seed) {
    std::mt19937 random(seed);
    std::normal_distribution<float> draw;
    matrix<float> x(rows, columns);
    for (std::size_t i = 0; i < rows * columns; ++i) {
        x.data()[i] = draw(random);
    }
    return x;
}

bool same_bits(matrix<float> const& a, matrix<float> const& b) {
    return std::memcmp(a.data(), b.data(), a.rows() * a.columns() * sizeof(float)) == 0;
}

}  // namespace

// One scheme of each kind of storage; each instantiates the kernels of every instruction set.
using product_schemes =
    std::tuple<q4_0, q5_1, int4_g128, int8_channel, scheme<bits<3>, per_group<64>>, scheme<bits<4>, asymmetric>>;

TEMPLATE_LIST_TEST_CASE("the product of a quantized matrix is the product of its dequantized values", "[gemm]",
                        product_schemes) {
    constexpr std::size_t n = 35;
    constexpr std::size_t k = 256;
    auto const packed = quantize<TestType>(cpu{}, normal(n, k, 1));
    auto const x = normal(3, k, 2);
    auto const w = dequantize(cpu{}, packed);
    auto const panels = repack(cpu{}, packed);
    auto const y = gemm(cpu{}, x, panels);
    auto const y8 = gemm<int8_activations>(cpu{}, x, panels);
    double error = 0;
    double error8 = 0;
    double power = 0;
    for (std::size_t i = 0; i < 3; ++i) {
        for (std::size_t j = 0; j < n; ++j) {
            double exact = 0;
            for (std::size_t c = 0; c < k; ++c) {
                exact += static_cast<double>(x(i, c)) * w(j, c);
            }
            error += std::pow(y(i, j) - exact, 2);
            error8 += std::pow(y8(i, j) - exact, 2);
            power += exact * exact;
        }
    }
    CHECK(error <= 1e-13 * power);  // f32 sums of 256 terms
    CHECK(error8 <= 1e-4 * power);  // activations of 8 bits: steps of absmax / 127
    for (isa const set : {isa::scalar, isa::avx2, isa::avx512, isa::avx512_bf16}) {
        if (supports(set)) {
            CHECK(same_bits(gemm(cpu{}, x, panels, identity{}, set), y));
            CHECK(same_bits(gemm<int8_activations>(cpu{}, x, panels, identity{}, set), y8));
        }
    }
}
