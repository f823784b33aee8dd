// SPDX-License-Identifier: Apache-2.0
#include <nibble/scheme/format.hpp>
#include <nibble/scheme/grid.hpp>

#include <catch2/catch_template_test_macros.hpp>

#include <support/grids.hpp>

using namespace nibble;

static_assert(bits<4>::grid::level(0) == -8.0f && bits<4>::grid::level(15) == 7.0f);
static_assert(bits<4>::unsigned_grid::level(0) == 0.0f && bits<4>::unsigned_grid::level(15) == 15.0f);
static_assert(mid_rise_grid<2>::level(0) == -1.5f && mid_rise_grid<2>::level(3) == 1.5f);
static_assert(mid_rise_grid<1>::level(0) == -0.5f && mid_rise_grid<1>::level(1) == 0.5f);
static_assert(ternary::grid::level(0) == -1.0f && ternary::grid::level(2) == 1.0f);

TEMPLATE_TEST_CASE("levels rise, positions count them, and middles stay middles", "[scheme]", bits<1>::unsigned_grid,
                   bits<2>::grid, bits<3>::unsigned_grid, bits<8>::grid, bits<8>::unsigned_grid, ternary::grid) {
    check_grid<TestType>();
    check_integers<TestType>();
}

TEMPLATE_TEST_CASE("a mid-rise grid has halves of odd integers", "[scheme]", mid_rise_grid<1>, mid_rise_grid<2>,
                   mid_rise_grid<5>, mid_rise_grid<8>) {
    check_integers<TestType>();
    for (int i = TestType::lowest; i <= TestType::highest; ++i) {
        float const level = TestType::level(TestType::code(i));
        CHECK(level == static_cast<float>(i) + 0.5f);
        CHECK(TestType::position(level) == static_cast<float>(i));
        CHECK(TestType::position(level + 0.25f) == static_cast<float>(i) + 0.25f);
        CHECK(TestType::position(level + 0.5f) == static_cast<float>(i) + 0.5f);
    }
}
