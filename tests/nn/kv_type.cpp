// SPDX-License-Identifier: Apache-2.0
#include <nibble/nn/kv_type.hpp>
#include <nibble/numeric/error.hpp>

#include <catch2/catch_test_macros.hpp>

TEST_CASE("types of keys and values have names and are found by them") {
    for (auto const type : {nibble::kv_type::f32, nibble::kv_type::f16, nibble::kv_type::bf16, nibble::kv_type::int8}) {
        CHECK(nibble::parse_kv_type(nibble::name_of(type)) == type);
    }
    CHECK(nibble::name_of(nibble::kv_type::bf16) == "bf16");
    CHECK_THROWS_AS(nibble::parse_kv_type("int4"), nibble::error);
    CHECK_THROWS_AS(nibble::parse_kv_type(""), nibble::error);
    CHECK(nibble::kv_type_of<nibble::int8_token> == nibble::kv_type::int8);
    CHECK(nibble::kv_type_of<nibble::f16> == nibble::kv_type::f16);
    CHECK_FALSE(nibble::keeps_kv<nibble::int4_g32>);
}
