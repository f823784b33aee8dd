// SPDX-License-Identifier: Apache-2.0
#include <nibble/quantize/cholesky.hpp>
#include <nibble/tensor/thread_pool.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <cmath>
#include <cstddef>
#include <limits>
#include <random>

using namespace nibble;
using Catch::Matchers::ContainsSubstring;

namespace {

/// RᵀR of an upper triangular R.
matrix<double> square(matrix<double> const& r) {
    std::size_t const n = r.rows();
    matrix<double> a(n, n);
    for (std::size_t p = 0; p < n; ++p) {
        for (std::size_t i = p; i < n; ++i) {
            for (std::size_t j = i; j < n; ++j) {
                a(i, j) += r(p, i) * r(p, j);
            }
        }
    }
    return a;
}

matrix<double> random_upper(std::size_t n) {
    std::mt19937 random(static_cast<unsigned>(n));
    std::normal_distribution<double> normal;
    matrix<double> r(n, n);
    for (std::size_t i = 0; i < n; ++i) {
        for (std::size_t j = i; j < n; ++j) {
            r(i, j) = i == j ? 1.0 + std::fabs(normal(random)) : normal(random) / std::sqrt(static_cast<double>(n));
        }
    }
    return r;
}

}  // namespace

TEST_CASE("a matrix of integers whose factor is of integers is factored exactly", "[quantize]") {
    std::size_t const n = 150;  // three blocks, the last one ragged; every number on the way is a small integer
    matrix<double> r(n, n);
    for (std::size_t i = 0; i < n; ++i) {
        for (std::size_t j = i; j < n; ++j) {
            r(i, j) = i == j ? 4.0 : static_cast<double>((5 * i + 3 * j) % 7) - 3.0;
        }
    }
    auto a = square(r);
    REQUIRE(cholesky(cpu{}, a) == n);
    for (std::size_t i = 0; i < n; ++i) {
        for (std::size_t j = i; j < n; ++j) {
            REQUIRE(a(i, j) == r(i, j));
        }
    }
}

TEST_CASE("the product of the factor is within the bound of the matrix", "[quantize]") {
    for (std::size_t const n : {1u, 2u, 7u, 8u, 9u, 63u, 64u, 65u, 200u}) {
        auto const a = square(random_upper(n));
        auto r = a;
        REQUIRE(cholesky(cpu{}, r) == n);
        auto const back = square(r);
        // The bound of the factor, and once more as much for the sums of `square`, of at most n terms each.
        double const bound = 2 * static_cast<double>(n + 1) * 0x1p-53 / (1 - static_cast<double>(n + 1) * 0x1p-52);
        for (std::size_t i = 0; i < n; ++i) {
            for (std::size_t j = i; j < n; ++j) {
                REQUIRE(std::fabs(back(i, j) - a(i, j)) <= bound * std::sqrt(a(i, i) * a(j, j)));
            }
        }
    }
}

TEST_CASE("P19: the factor does not depend on the number of threads", "[quantize]") {
    auto const a = square(random_upper(203));
    auto alone = a;
    cholesky(cpu{}, alone);
    for (std::size_t const threads : {2u, 5u}) {
        thread_pool pool(threads);
        auto shared = a;
        cholesky(cpu{pool}, shared);
        CHECK(shared == alone);
    }
}

TEST_CASE("the first pivot that is not positive is named, and what is below the diagonal is not read", "[quantize]") {
    for (std::size_t const at : {0u, 5u, 64u, 130u}) {
        auto a = square(random_upper(131));
        a(at, at) = -a(at, at);
        CHECK(cholesky(cpu{}, a) == at);
    }
    matrix<double> a(2, 2);
    a(0, 0) = a(0, 1) = a(1, 1) = 1.0;
    a(1, 0) = std::numeric_limits<double>::quiet_NaN();
    auto b = a;
    CHECK(cholesky(cpu{}, a) == 1);  // columns that are equal
    b(1, 1) = 2.0;
    CHECK(cholesky(cpu{}, b) == 2);
    CHECK(b(1, 1) == 1.0);
    for (double const bad : {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
        matrix<double> c(1, 1);
        c(0, 0) = bad;
        CHECK(cholesky(cpu{}, c) == 0);
    }
}

TEST_CASE("P15: an empty matrix has an empty factor; one that is not square has none", "[quantize]") {
    matrix<double> empty;
    CHECK(cholesky(cpu{}, empty) == 0);
    matrix<double> wide(2, 3);
    CHECK_THROWS_WITH(cholesky(cpu{}, wide),
                      ContainsSubstring("2 x 3") && ContainsSubstring("as many columns as rows"));
}
