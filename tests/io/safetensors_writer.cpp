// SPDX-License-Identifier: Apache-2.0
#include <nibble/io/safetensors_writer.hpp>

#include <catch2/catch_test_macros.hpp>

TEST_CASE("what is written is read back, widest dtype first and then by name") {
    std::array<std::byte, 4> const four{std::byte{1}, std::byte{2}, std::byte{3}, std::byte{4}};
    std::span<std::byte const> const bytes(four);
    std::vector<std::byte> file;
    auto const sink = [&](std::span<std::byte const> part) { file.insert(file.end(), part.begin(), part.end()); };
    nibble::write_safetensors(
        sink, {{"a", "U8", {3}, bytes.first(3)}, {"z\n", "F32", {}, bytes}, {"b", "F32", {1}, bytes}}, {{"k", "\"v"}});
    auto const read = nibble::safetensors_file::parse(file);
    REQUIRE(read.entries().size() == 3);
    CHECK(read.entries()[0].name == "b");
    CHECK(read.entries()[1].name == "z\n");
    CHECK(read.entries()[2].name == "a");
    CHECK(read.entries()[2].bytes[2] == std::byte{3});
    CHECK(read.metadata()[0].second == "\"v");
    CHECK((read.entries()[0].bytes.data() - file.data()) % 8 == 0);
}

TEST_CASE("P17: a refused write calls the sink not once") {
    auto const sink = [](std::span<std::byte const>) { FAIL("the sink was called"); };
    CHECK_THROWS_AS(nibble::write_safetensors(sink, {{"a", "U8", {3}, {}}}), nibble::error);
    CHECK_THROWS_AS(nibble::write_safetensors(sink, {{"a", "Q4", {0}, {}}}), nibble::error);
    CHECK_THROWS_AS(nibble::write_safetensors(sink, {{"\xff", "U8", {0}, {}}}), nibble::error);
    CHECK_THROWS_AS(nibble::write_safetensors(sink, {{"a", "U8", {0}, {}}, {"a", "U8", {0}, {}}}), nibble::error);
}
