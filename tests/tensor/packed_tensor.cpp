// SPDX-License-Identifier: Apache-2.0
#include <nibble/tensor/packed_tensor.hpp>

#include <catch2/catch_template_test_macros.hpp>
#include <catch2/matchers/catch_matchers.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <support/factors.hpp>
#include <support/schemes.hpp>

using namespace nibble;

TEMPLATE_LIST_TEST_CASE("every code of every element is kept apart from its neighbours", "[tensor]", all_schemes) {
    using St = storage_of<TestType>;
    constexpr unsigned codes = 1u << St::bits;
    std::size_t const columns = whole_blocks<St>(37);
    packed_tensor<St> t(3, columns);
    auto const wanted = [&](std::size_t row, std::size_t column) {
        return static_cast<unsigned>((row * 101 + column * 7 + column / 8) % codes);
    };
    for (int pass = 0; pass < 2; ++pass) {  // the second pass overwrites every code with another
        for (std::size_t row = 0; row < 3; ++row) {
            for (std::size_t column = 0; column < columns; ++column) {
                unsigned const code = wanted(row, column);
                t.set_code(row, column, pass == 0 ? codes - 1 - code : code);
            }
        }
    }
    for (std::size_t row = 0; row < 3; ++row) {
        for (std::size_t column = 0; column < columns; ++column) {
            REQUIRE(t.code(row, column) == wanted(row, column));
        }
    }
}

TEST_CASE("the bytes of a packed tensor are those of its format", "[tensor]") {
    CHECK(packed_tensor<storage_of<q4_0>>(4, 64).bytes() == 4 * 2 * 18);
    CHECK(packed_tensor<storage_of<q5_1>>(4, 64).bytes() == 4 * 2 * 24);
    CHECK(packed_tensor<storage_of<scheme<bits<3>, per_group<64>>>>(5, 128).bytes() == 5 * (48 + 4));
    CHECK(packed_tensor<storage_of<scheme<bits<3>, per_group<64>>>>(5, 70).groups() == 2);
    CHECK(packed_tensor<storage_of<scheme<bits<8>, per_tensor>>>(5, 10).bytes() == 52);
}

TEST_CASE("P15: a tensor without elements is a tensor", "[tensor]") {
    CHECK(packed_tensor<storage_of<int8_channel>>(0, 5).bytes() == 0);
    CHECK(packed_tensor<storage_of<int8_channel>>(5, 0).groups() == 0);
    CHECK(packed_tensor<storage_of<scheme<bits<8>, per_tensor>>>(0, 0).bytes() == 0);
}

TEST_CASE("P16: a fixed-block format refuses a ragged row before any write", "[tensor]") {
    CHECK_THROWS_WITH((packed_tensor<storage_of<q4_0>>(2, 33)),
                      Catch::Matchers::ContainsSubstring("not a whole number of blocks of 32"));
}
