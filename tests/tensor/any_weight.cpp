// SPDX-License-Identifier: Apache-2.0
#include <nibble/tensor/any_weight.hpp>

#include <catch2/catch_test_macros.hpp>

using namespace nibble;

TEST_CASE("a weight of run-time storage knows its shape and its bytes", "[tensor]") {
    any_weight const w = cpu_panel_weights<storage_of<q4_0>>(20, 64);
    CHECK(rows_of(w) == 20);
    CHECK(columns_of(w) == 64);
    CHECK(bytes_of(w) == 32 * 64 / 32 * 18);
}
