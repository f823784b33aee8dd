// SPDX-License-Identifier: Apache-2.0
#include <nibble/numeric/bf16.hpp>
#include <nibble/numeric/f16.hpp>
#include <nibble/tensor/dense_panels.hpp>

#include <catch2/catch_test_macros.hpp>

#include <cstdint>
#include <limits>
#include <vector>

using namespace nibble;

TEST_CASE("dense panels hold every value at its place and zeros behind the last row", "[tensor]") {
    constexpr std::size_t n = 21;
    constexpr std::size_t k = 5;
    std::vector<bf16> values(n * k);
    for (std::size_t i = 0; i < values.size(); ++i) {
        values[i] = bf16(static_cast<float>(i + 1));
    }
    dense_panels<bf16> w(n, k);
    w.set_panels(reinterpret_cast<std::byte const*>(values.data()), 1, 2);
    w.set_panels(reinterpret_cast<std::byte const*>(values.data()), 0, 1);
    REQUIRE(w.panels() == 2);
    for (std::size_t row = 0; row < n; ++row) {
        for (std::size_t column = 0; column < k; ++column) {
            CHECK(w.decode(row, column) == static_cast<float>(row * k + column + 1));
        }
    }
    for (std::size_t row = n; row < 32; ++row) {
        CHECK(w.values(1)[w.at(row, k - 1)].bits == 0);
    }
    for (std::size_t row = 0; row < 16; ++row) {
        CHECK(w.values(0)[w.at(row, k)].bits == 0);  // the column that makes an odd k even
    }
    CHECK(reinterpret_cast<std::uintptr_t>(w.values(0)) % 64 == 0);
}

TEST_CASE("a panel is column after column, of bf16 pair after pair of columns", "[tensor]") {
    CHECK(dense_panels<float>::at(3, 5) == 5 * 16 + 3);
    CHECK(dense_panels<f16>::at(3, 5) == 5 * 16 + 3);
    CHECK(dense_panels<bf16>::at(3, 5) == 2 * 32 + 3 * 2 + 1);
    CHECK(dense_panels<bf16>(16, 5).bytes() == 16 * 6 * 2);
    CHECK(dense_panels<f16>(16, 5).bytes() == 16 * 5 * 2);
}

TEST_CASE("dense panels refuse sizes that no memory has", "[tensor]") {
    CHECK_THROWS_AS(dense_panels<float>(std::numeric_limits<std::size_t>::max(), 1), error);
    CHECK_THROWS_AS(dense_panels<float>(std::size_t{1} << 40, std::size_t{1} << 40), error);
    CHECK(dense_panels<float>(0, 7).bytes() == 0);
}
