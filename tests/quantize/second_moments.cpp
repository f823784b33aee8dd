// SPDX-License-Identifier: Apache-2.0
#include <nibble/quantize/second_moments.hpp>
#include <nibble/tensor/thread_pool.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <algorithm>
#include <cstddef>
#include <limits>
#include <random>

using namespace nibble;
using Catch::Matchers::ContainsSubstring;

namespace {

matrix<float> activations(std::size_t tokens, std::size_t columns) {
    std::mt19937 random(11);
    std::normal_distribution<float> normal;
    matrix<float> x(tokens, columns);
    for (std::size_t i = 0; i < tokens * columns; ++i) {
        x.data()[i] = normal(random);
    }
    return x;
}

bool same(second_moments const& a, second_moments const& b) {
    bool equal = a.columns() == b.columns() && a.tokens() == b.tokens();
    for (std::size_t i = 0; equal && i < a.columns(); ++i) {
        for (std::size_t j = 0; j < a.columns(); ++j) {
            equal = equal && a(i, j) == b(i, j);
        }
    }
    return equal;
}

}  // namespace

TEST_CASE("moments are sums of exact products in the order of the tokens", "[quantize]") {
    auto const x = activations(300, 21);
    second_moments h(21);
    h.add(cpu{}, x);
    CHECK(h.tokens() == 300);
    for (std::size_t i = 0; i < 21; ++i) {
        for (std::size_t j = 0; j < 21; ++j) {
            double sum = 0;
            for (std::size_t t = 0; t < 300; ++t) {
                sum += static_cast<double>(x(t, i)) * static_cast<double>(x(t, j));
            }
            REQUIRE(h(i, j) == sum);
        }
    }
}

TEST_CASE("P19: moments do not depend on the number of threads, nor on how tokens are split", "[quantize]") {
    auto const x = activations(300, 45);
    second_moments whole(45);
    whole.add(cpu{}, x);
    for (std::size_t const threads : {2u, 5u}) {
        thread_pool pool(threads);
        second_moments h(45);
        for (std::size_t first = 0, count = 1; first < 300; first += count, count *= 3) {
            count = std::min(count, 300 - first);
            h.add(cpu{pool}, {x.row(first).data(), count, 45});
        }
        CHECK(same(h, whole));
    }
}

TEST_CASE("P5: a value that is not finite is an error that names its index, and adds nothing", "[quantize]") {
    auto x = activations(9, 5);
    second_moments h(5);
    h.add(cpu{}, x);
    auto const before = h;
    for (float const bad : {std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::infinity()}) {
        x(8, 3) = bad;
        CHECK_THROWS_WITH(h.add(cpu{}, x), ContainsSubstring("element [8, 3]"));
    }
    CHECK_THROWS_WITH(h.add(cpu{}, matrix<float>(1, 6)), ContainsSubstring("5 columns") && ContainsSubstring(" 6;"));
    CHECK(same(h, before));
}

TEST_CASE("P15: no token and no column are no moments", "[quantize]") {
    second_moments h(5);
    h.add(cpu{}, matrix<float>(0, 5));
    CHECK(h.tokens() == 0);
    CHECK(h(4, 0) == 0.0);
    second_moments none;
    none.add(cpu{}, matrix<float>(3, 0));
    CHECK(none.columns() == 0);
}

TEST_CASE("the output error is the sum of squares of what inputs make of it, for any number of threads", "[quantize]") {
    std::mt19937 random(7);
    auto const integers = [&](std::size_t rows, std::size_t columns) {  // all sums are exact in any order
        matrix<float> x(rows, columns);
        for (std::size_t i = 0; i < rows * columns; ++i) {
            x.data()[i] = static_cast<float>(static_cast<int>(random() % 201) - 100);
        }
        return x;
    };
    for (std::size_t const columns : {1u, 8u, 45u}) {
        auto const x = integers(31, columns);
        auto const d = integers(19, columns);
        second_moments h(columns);
        h.add(cpu{}, x);
        double expected = 0;
        for (std::size_t t = 0; t < x.rows(); ++t) {
            for (std::size_t row = 0; row < d.rows(); ++row) {
                double y = 0;
                for (std::size_t i = 0; i < columns; ++i) {
                    y += static_cast<double>(x(t, i)) * static_cast<double>(d(row, i));
                }
                expected += y * y;
            }
        }
        CHECK(output_error(cpu{}, h, d) == expected);
        auto const y = activations(19, columns);
        thread_pool pool(3);
        CHECK(output_error(cpu{pool}, h, y) == output_error(cpu{}, h, y));
    }
    CHECK(output_error(cpu{}, second_moments(5), matrix<float>(0, 5)) == 0.0);
    CHECK_THROWS_WITH(output_error(cpu{}, second_moments(5), matrix<float>(1, 6)), ContainsSubstring("6 columns"));
}
