// SPDX-License-Identifier: Apache-2.0
#include <nibble/tensor/matrix.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <limits>
#include <new>

TEST_CASE("P17: memory that is not to be had is a nibble::error with a sentence", "[tensor]") {
    CHECK_THROWS_WITH(nibble::matrix<float>(std::size_t{1} << 31, std::size_t{1} << 30),
                      Catch::Matchers::ContainsSubstring("a matrix of 2147483648 x 1073741824"));
    CHECK_THROWS_WITH(nibble::detail::allocate([] { throw std::bad_alloc(); }, [] { return "a test"; }),
                      Catch::Matchers::ContainsSubstring("no memory for a test"));
}

TEST_CASE("a matrix is row-major and starts at zero") {
    nibble::matrix<float> a(2, 3);
    a(1, 2) = 5.0f;
    CHECK(a.data()[5] == 5.0f);
    CHECK(a(0, 0) == 0.0f);
    CHECK(a.row(1)[2] == 5.0f);
    nibble::matrix_view<float const> const view = a;
    CHECK(view(1, 2) == 5.0f);
    CHECK(view.row(1).size() == 3);
}

TEST_CASE("P15: a view of no elements may be null, a view of some may not") {
    CHECK_NOTHROW(nibble::matrix_view<float>(nullptr, 0, 4));
    CHECK_NOTHROW(nibble::matrix_view<float>(nullptr, 4, 0));
    CHECK_THROWS_AS(nibble::matrix_view<float>(nullptr, 1, 1), nibble::error);
}

TEST_CASE("a matrix whose size overflows is refused") {
    CHECK_THROWS_AS(nibble::matrix<float>(std::numeric_limits<std::size_t>::max() / 2, 4), nibble::error);
}
