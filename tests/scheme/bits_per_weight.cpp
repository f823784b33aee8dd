// SPDX-License-Identifier: Apache-2.0
#include <nibble/scheme/bits_per_weight.hpp>
#include <nibble/scheme/presets.hpp>

#include <catch2/catch_test_macros.hpp>

using namespace nibble;

TEST_CASE("the presets cost what their formats say", "[scheme]") {
    STATIC_CHECK(bits_per_weight<q4_0> == 4.5);
    STATIC_CHECK(bits_per_weight<q4_1> == 5.0);
    STATIC_CHECK(bits_per_weight<q5_0> == 5.5);
    STATIC_CHECK(bits_per_weight<q5_1> == 6.0);
    STATIC_CHECK(bits_per_weight<q8_0> == 8.5);
    STATIC_CHECK(bits_per_weight<int4_g32> == 4.5);
    STATIC_CHECK(bits_per_weight<int4_g128> == 4.125);
    STATIC_CHECK(bits_per_weight<int8_channel> == 8.0);
    STATIC_CHECK(bits_per_weight<scheme<bits<4>, asymmetric, per_group<32>>> == 4.75);
}
