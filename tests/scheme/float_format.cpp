// SPDX-License-Identifier: Apache-2.0
#include <nibble/numeric/bf16.hpp>
#include <nibble/numeric/rounding.hpp>
#include <nibble/scheme/float_format.hpp>

#include <catch2/catch_template_test_macros.hpp>

#include <cmath>
#include <cstdint>
#include <support/grids.hpp>

using namespace nibble;

static_assert(format_traits<e2m1>::grid::highest == 7);
static_assert(format_traits<e4m3>::grid::highest == 126);
static_assert(format_traits<e5m2>::grid::highest == 123);
static_assert(format_traits<e2m1>::grid::level(8) == 0.0f);

TEMPLATE_TEST_CASE("a float format is a grid of its finite values", "[scheme]", e2m1, e4m3, e5m2) {
    check_grid<typename format_traits<TestType>::grid>();
}

TEST_CASE("e2m1 has integers, and no negative zero", "[scheme]") {
    check_integers<format_traits<e2m1>::grid>();
    CHECK_FALSE(std::signbit(format_traits<e2m1>::grid::level(8)));
}

TEMPLATE_TEST_CASE("the nearest-even index of a position is the type's own rounding", "[scheme]", e2m1, e4m3, e5m2) {
    using grid = typename format_traits<TestType>::grid;
    auto const check = [](float v) {
        float const index = round_to_nearest_even::round(grid::position(v));
        int const clamped = static_cast<int>(std::fmin(std::fmax(index, grid::lowest), grid::highest));
        CAPTURE(v);
        REQUIRE(grid::level(grid::code(clamped)) == static_cast<float>(TestType(v)));
    };
    for (std::uint32_t code = 0; code < 0x10000u; ++code) {
        auto const v = static_cast<float>(bf16::from_bits(static_cast<std::uint16_t>(code)));
        if (!std::isnan(v)) {
            check(v);
        }
    }
    for (int i = grid::lowest; i < grid::highest; ++i) {
        float const middle = (grid::level(grid::code(i)) + grid::level(grid::code(i + 1))) / 2;
        check(std::nextafter(middle, -INFINITY));
        check(middle);
        check(std::nextafter(middle, INFINITY));
    }
}
