// SPDX-License-Identifier: Apache-2.0
#include <nibble/scheme.hpp>

#include <catch2/catch_test_macros.hpp>

using namespace nibble;

static_assert(scheme<bits<4>>::qmin == -8 && scheme<bits<4>>::qmax == 7);
static_assert(scheme<bits<4>, narrow_range>::qmin == -7);
static_assert(scheme<bits<4>, asymmetric>::qmin == 0 && scheme<bits<4>, asymmetric>::qmax == 15);
static_assert(scheme<bits<2>>::qmin == -2 && scheme<bits<8>>::qmax == 127);

TEST_CASE("the value of a scheme says what its type says", "[scheme]") {
    STATIC_CHECK(q4_0::info.bits == 4);
    STATIC_CHECK(q4_0::info.group == 32);
    STATIC_CHECK(q4_0::info.granularity == "group");
    STATIC_CHECK(q4_0::info.scale_rule == "extreme");
    STATIC_CHECK(int8_channel::info == scheme_info{.bits = 8});
    STATIC_CHECK(!(int4_g32::info == int4_g128::info));
}
