// SPDX-License-Identifier: Apache-2.0
#include <nibble/io/gguf_value.hpp>

#include <catch2/catch_test_macros.hpp>

TEST_CASE("P14: a value is read at any byte, and a wrong type is refused") {
    std::byte const bytes[]{std::byte{9}, std::byte{1}, std::byte{2}, std::byte{0}, std::byte{0}};
    nibble::gguf_value const value("k", bytes + 1, 1, 1, nibble::gguf_type::u32, nibble::gguf_type::u32);
    CHECK(value.as_uint() == 513);
    CHECK_THROWS_AS(value.as_string(), nibble::error);
}
