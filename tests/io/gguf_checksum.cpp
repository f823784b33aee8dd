// SPDX-License-Identifier: Apache-2.0
#include <nibble/io/gguf_checksum.hpp>
#include <nibble/io/gguf_writer.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <span>
#include <string>
#include <support/scratch_folder.hpp>
#include <vector>

using namespace nibble;
using Catch::Matchers::ContainsSubstring;
namespace fs = std::filesystem;

namespace {

/// Two tensors with padding behind both; the checksum stands between other pairs.
gguf_writer small_file(bool with_checksum) {
    gguf_writer writer;
    writer.add("before", "text");
    if (with_checksum) {
        writer.add_checksum();
    }
    writer.add("after", std::uint32_t{7});
    writer.add_tensor("a", *find_ggml_type("F32"), std::array<std::uint64_t, 1>{3});
    writer.add_tensor("b", *find_ggml_type("I8"), std::array<std::uint64_t, 1>{65});
    return writer;
}

void write(gguf_writer& writer, fs::path const& path) {
    std::vector<std::byte> const bytes(static_cast<std::size_t>(writer.data_bytes()), std::byte{42});
    writer.start(path);
    writer.write(std::span(bytes).first(5));
    writer.write(std::span(bytes).subspan(5));
    writer.commit();
}

/// What verify_checksum says; nothing where the bytes are refused, by it or by the parser.
std::optional<bool> verified(std::string const& bytes) {
    try {
        return verify_checksum(gguf_file::parse(std::as_bytes(std::span(bytes))));
    } catch (error const&) {
        return std::nullopt;
    }
}

}  // namespace

TEST_CASE("P23: a checksum is that of the bytes of the file, its own taken as 0", "[io]") {
    scratch_folder const folder;
    auto writer = small_file(true);
    for (auto const* name : {"first", "again"}) {
        write(writer, folder.path / name);
        auto const file = gguf_file::open(folder.path / name);
        CHECK(verify_checksum(file));
        CHECK(file.at("before").as_string() == "text");
        CHECK(file.at("after").as_uint() == 7);
        CHECK(std::ranges::all_of(file.tensor("b").bytes, [](auto byte) { return byte == std::byte{42}; }));
    }
    auto bytes = text_of(folder.path / "first");
    CHECK(bytes == text_of(folder.path / "again"));
    auto const file = gguf_file::open(folder.path / "first");
    auto const stated = file.at(gguf_checksum_key);
    std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(stated.offset), 8, '\0');
    xxh64 hash;
    hash.add(std::as_bytes(std::span(bytes)));
    CHECK(hash.value() == stated.as_uint());
}

TEST_CASE("P23: no byte of a file with a checksum can change unseen", "[io]") {
    scratch_folder const folder;
    auto writer = small_file(true);
    write(writer, folder.path / "m");
    auto bytes = text_of(folder.path / "m");
    REQUIRE(verified(bytes) == true);
    auto const key = bytes.find(gguf_checksum_key);
    for (std::size_t at = 0; at < bytes.size(); ++at) {
        for (int const bit : {0, 7}) {
            auto const before = bytes[at];
            bytes[at] = static_cast<char>(bytes[at] ^ (1 << bit));
            // Under another key there is no checksum, which a caller sees too.
            bool const renamed = at >= key && at < key + gguf_checksum_key.size();
            INFO("byte " << at);
            CHECK(verified(bytes) == (renamed ? std::optional(false) : std::nullopt));
            bytes[at] = before;
        }
    }
    CHECK_FALSE(verified(bytes + '\0'));
    CHECK_FALSE(verified(bytes.substr(0, bytes.size() - 1)));
    bytes.back() = '\1';
    CHECK_THROWS_WITH(verify_checksum(gguf_file::parse(std::as_bytes(std::span(bytes)))),
                      ContainsSubstring("the file is damaged"));
}

TEST_CASE("A file without a checksum is told from one with it", "[io]") {
    scratch_folder const folder;
    auto writer = small_file(false);
    write(writer, folder.path / "m");
    CHECK_FALSE(verify_checksum(gguf_file::open(folder.path / "m")));
    auto twice = small_file(true);
    CHECK_THROWS_WITH(twice.add_checksum(), ContainsSubstring("added twice"));
    gguf_writer wrong;
    wrong.add(gguf_checksum_key, std::uint32_t{1});
    wrong.start(folder.path / "w");
    wrong.commit();
    CHECK_THROWS_WITH(verify_checksum(gguf_file::open(folder.path / "w")), ContainsSubstring("not a u64"));
}
