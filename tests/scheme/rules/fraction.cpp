// SPDX-License-Identifier: Apache-2.0
#include <nibble/scheme/rules/fraction.hpp>

#include <catch2/catch_test_macros.hpp>

#include <string_view>

using nibble::detail::fraction;

static_assert(fraction<3, 4>::value == 0.75);

TEST_CASE("the word of a fraction has its numbers in decimal, and no denominator of 1", "[scheme]") {
    CHECK(std::string_view(fraction<3, 2>::name("rms").data()) == "rms_3_2");
    CHECK(std::string_view(fraction<10, 1>::name("mean").data()) == "mean_10");
    CHECK(std::string_view(fraction<999, 1000>::name("p").data()) == "p_999_1000");
    CHECK(std::string_view(fraction<2147483647, 2147483646>::name("mean").data()) == "mean_2147483647_2147483646");
}
