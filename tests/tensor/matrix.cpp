// SPDX-License-Identifier: Apache-2.0
#include <nibble/tensor/matrix.hpp>

#include <catch2/catch_test_macros.hpp>

#include <limits>

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
