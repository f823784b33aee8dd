// SPDX-License-Identifier: Apache-2.0
#include <nibble/gemm/epilogue.hpp>
#include <nibble/gemm/gemm.hpp>
#include <nibble/tensor/thread_pool.hpp>

#include <catch2/catch_test_macros.hpp>

#include <cmath>
#include <cstring>
#include <vector>

using namespace nibble;

namespace {

matrix<float> waves(std::size_t rows, std::size_t columns, float step) {
    matrix<float> x(rows, columns);
    for (std::size_t i = 0; i < rows * columns; ++i) {
        x.data()[i] = std::sin(step * static_cast<float>(i));
    }
    return x;
}

}  // namespace

TEST_CASE("an epilogue of parts gives what its parts give after the product, from left to right", "[gemm]") {
    constexpr std::size_t m = 3;
    constexpr std::size_t n = 37;
    auto const x = waves(m, 20, 1.0f);
    auto const values = waves(n, 20, 0.7f);
    dense_panels<float> w(n, 20);
    w.set_panels(reinterpret_cast<std::byte const*>(values.data()), 0, w.panels());
    auto const up = waves(m, n, 0.3f);
    auto const residual = waves(m, n, 2.1f);
    std::vector<float> const bias(n, 0.25f);
    auto const y = gemm(cpu{}, x, w);
    thread_pool pool(2);
    auto const fused = gemm(
        cpu{pool}, x, w, epilogue{add_bias{bias}, gelu_tanh, multiply_by{up}, scale_by{0.3f}, add_residual{residual}});
    for (std::size_t row = 0; row < m; ++row) {
        for (std::size_t column = 0; column < n; ++column) {
            float const volatile product = gelu_tanh(y(row, column) + bias[column]) * up(row, column);
            float const volatile scaled = product * 0.3f;
            CHECK(fused(row, column) == scaled + residual(row, column));
        }
    }
}

TEST_CASE("operands that do not cover the result are refused before anything is written", "[gemm]") {
    dense_panels<float> const w(5, 4);
    matrix<float> const x(2, 4);
    matrix<float> const short_of_rows(1, 5);
    std::vector<float> const bias(4);
    CHECK_THROWS_AS(gemm(cpu{}, x, w, add_bias{bias}), error);
    CHECK_THROWS_AS(gemm(cpu{}, x, w, add_residual{short_of_rows}), error);
    CHECK_THROWS_AS(gemm(cpu{}, x, w, epilogue{gelu_tanh, multiply_by{short_of_rows}}), error);
}
