// SPDX-License-Identifier: Apache-2.0
#include <nibble/io/safetensors_writer.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

using Catch::Matchers::ContainsSubstring;

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

TEST_CASE("a tensor may come in parts, and the file is the one that is written from memory") {
    std::array<std::byte, 6> const six{std::byte{1}, std::byte{2}, std::byte{3},
                                       std::byte{4}, std::byte{5}, std::byte{6}};
    std::span<std::byte const> const bytes(six);
    std::vector<nibble::safetensors_entry> const entries{
        {"a", "U8", {2}, bytes.last(2)}, {"empty", "F32", {0, 3}, {}}, {"b", "F32", {}, bytes.first(4)}};
    nibble::safetensors_metadata const metadata{{"k", "v"}};
    std::vector<std::byte> whole, parts;
    auto const into = [](std::vector<std::byte>& file) {
        return [&file](std::span<std::byte const> part) { file.insert(file.end(), part.begin(), part.end()); };
    };
    nibble::write_safetensors(into(whole), entries, metadata);
    std::string order;
    nibble::stream_safetensors(
        into(parts), entries,
        [&](nibble::safetensors_entry const& entry, auto const& out) {
            order += entry.name + " ";
            for (auto const& byte : entry.bytes) {
                out(std::span(&byte, 1));
            }
        },
        metadata);
    CHECK(parts == whole);
    CHECK(order == "b empty a ");
}

TEST_CASE("P17: a tensor with a byte too many or too few is refused before the file has it") {
    std::array<std::byte, 4> const four{};
    std::size_t written = 0;
    auto const sink = [&](std::span<std::byte const> part) { written += part.size(); };
    auto const fill_with = [&](std::size_t count) {
        written = 0;
        nibble::stream_safetensors(sink, {{"a", "U8", {3}, {}}}, [&](auto const&, auto const& out) {
            for (std::size_t i = 0; i < count; ++i) {
                out(std::span(four).first(1));
            }
        });
        return written;
    };
    auto const file = fill_with(3);
    CHECK_THROWS_WITH(fill_with(4), ContainsSubstring("'a' was filled with more bytes"));
    CHECK(written == file);
    CHECK_THROWS_WITH(fill_with(2), ContainsSubstring("'a' was filled with fewer bytes"));
    CHECK_THROWS_WITH(fill_with(0), ContainsSubstring("fewer bytes"));
}

TEST_CASE("P17: sizes that overflow together are refused, though each of them fits") {
    auto const sink = [](std::span<std::byte const>) { FAIL("the sink was called"); };
    auto const fill = [](auto const&, auto const&) { FAIL("fill was called"); };
    std::vector<nibble::safetensors_entry> entries;
    for (int i = 0; i < 8; ++i) {
        entries.push_back({std::to_string(i), "U8", {(std::uint64_t{1} << 61U) - 1}, {}});
    }
    entries.push_back({"last", "U8", {7}, {}});
    CHECK_NOTHROW(nibble::detail::lay_out_safetensors(entries, {}));
    entries.back().shape = {8};
    CHECK_THROWS_WITH(nibble::stream_safetensors(sink, entries, fill), ContainsSubstring("'last' overflows"));
    CHECK_THROWS_WITH(nibble::stream_safetensors(sink, {{"__metadata__", "U8", {0}, {}}}, fill),
                      ContainsSubstring("is taken"));
    CHECK_THROWS_WITH(nibble::stream_safetensors(sink, {}, fill, {{"k", "1"}, {"k", "2"}}), ContainsSubstring("twice"));
}
