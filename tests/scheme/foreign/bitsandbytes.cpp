// SPDX-License-Identifier: Apache-2.0
// What bitsandbytes makes of 16 rows of weights in NF4: tests/golden/make_bitsandbytes.py.
#include <nibble/scheme/foreign/bitsandbytes.hpp>

#include <catch2/catch_test_macros.hpp>

#include <cstddef>
#include <support/foreign.hpp>

using namespace nibble;

TEST_CASE("bitsandbytes_nf4 has the package's codes, scales and values", "[scheme]") {
    using S = bitsandbytes_nf4<64>;
    golden_file const golden("bitsandbytes");
    CHECK(compare<S>(golden.find("nf4", "f32", 64), 0, decode_in<S>) == foreign_differences{});
    using divided = scheme<nf4, per_group<64>, scale_as<float>, codes_from_unrounded, round_half_down, reject_tail>;
    CHECK(compare<divided>(golden.find("nf4", "f32", 64), 0, decode_in<divided>).codes != 0);
}

TEST_CASE("the table is the package's, and a value equal to one of its thresholds gets the lower code", "[scheme]") {
    golden_file const golden("bitsandbytes");
    golden_case const& table = golden.cases().front();
    REQUIRE(table.preset == "table");
    for (std::size_t i = 0; i < 16; ++i) {
        CHECK(nf4_table::levels[i] == table["values"].value(i));
    }
    using S = bitsandbytes_nf4<64>;
    group_parameters<S> const p{.scale = 1.0f, .step = 1.0f};
    for (std::size_t i = 0; i < 15; ++i) {
        CHECK(encode<S>(table["thresholds"].value(i), p) == i);
    }
}
