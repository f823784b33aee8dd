// SPDX-License-Identifier: Apache-2.0
#include <nibble/scheme/name.hpp>
#include <nibble/scheme/presets.hpp>

#include <catch2/catch_test_macros.hpp>

using namespace nibble;

TEST_CASE("a name writes every slot that is not the default, in order", "[scheme]") {
    CHECK(name<scheme<bits<4>, per_group<32>, scale_as<f16>>>() == "int4.g32.f16");
    CHECK(name<int8_channel>() == "int8");
    CHECK(name<int8_token>() == "int8.token.narrow.f32");
    CHECK(name<scheme<bits<3>, asymmetric>>() == "int3.zp");
    CHECK(name<q4_0>() == "int4.g32.trunc_after_8.f16.extreme.unrounded.reciprocal.computed_zero.reject");
}
