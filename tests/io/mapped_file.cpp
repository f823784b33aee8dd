// SPDX-License-Identifier: Apache-2.0
#include <nibble/io/mapped_file.hpp>

#include <catch2/catch_test_macros.hpp>

#include <algorithm>

TEST_CASE("P4: mapping and reading give the same bytes, also after a drop") {
    nibble::mapped_file const mapped(__FILE__), read(__FILE__, nibble::file_mode::read);
    mapped.drop(mapped.bytes());
    mapped.drop(read.bytes());  // of another file: stays
    CHECK(std::ranges::equal(mapped.bytes(), read.bytes()));
    CHECK_THROWS_AS(nibble::mapped_file("no/such/file"), nibble::error);
}
