// SPDX-License-Identifier: Apache-2.0
#include <nibble/quantize/scale_blocks.hpp>
#include <nibble/scheme/compose.hpp>

#include <catch2/catch_test_macros.hpp>

using namespace nibble;

TEST_CASE("a matrix falls into blocks that share a scale, the last of a row or column with what is left",
          "[quantize]") {
    detail::scale_blocks<scheme<bits<4>, per_block<3, 32>>> const blocks{.rows = 7, .columns = 70};
    CHECK(blocks.scale_rows() == 3);
    CHECK(blocks.groups() == 3);
    CHECK(blocks.rows_of(1) == 3);
    CHECK(blocks.rows_of(2) == 1);
    CHECK(blocks.columns_of(0) == 32);
    CHECK(blocks.columns_of(2) == 6);

    detail::scale_blocks<scheme<bits<4>, per_channel>> const rows{.rows = 7, .columns = 70};
    CHECK(rows.scale_rows() == 7);
    CHECK(rows.groups() == 1);
    CHECK(rows.columns_of(0) == 70);

    detail::scale_blocks<scheme<bits<4>, per_tensor>> const whole{.rows = 7, .columns = 70};
    CHECK(whole.scale_rows() == 1);
    CHECK(whole.rows_of(0) == 7);
    CHECK(detail::scale_blocks<scheme<bits<4>, per_tensor>>{}.scale_rows() == 0);
}
