// SPDX-License-Identifier: Apache-2.0
#include <nibble/io/token_shard.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <support/scratch_folder.hpp>
#include <vector>

using namespace nibble;
using Catch::Matchers::ContainsSubstring;

namespace {

using ids = std::vector<std::uint32_t>;

void write(std::filesystem::path const& path, std::uint32_t vocabulary, ids const& all) {
    token_shard_writer writer(path, vocabulary);
    auto const half = std::span(all).first(all.size() / 2);
    writer.write(half);
    writer.write(std::span(all).subspan(half.size()));
    writer.commit();
}

ids read(token_shard const& shard) {
    ids all(static_cast<std::size_t>(shard.size()));
    shard.read(0, all);
    return all;
}

void put(std::filesystem::path const& path, std::string const& bytes) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

/// The ids of a file; nothing where it is refused, with its name and the byte.
std::optional<ids> ids_of(std::filesystem::path const& path, file_mode mode) {
    try {
        return read(token_shard(path, mode));
    } catch (error const& refusal) {
        CHECK_THAT(refusal.what(), ContainsSubstring(path.string() + ": byte "));
        return std::nullopt;
    }
}

std::optional<ids> ids_of(scratch_folder const& folder, std::string const& bytes, file_mode mode) {
    put(folder / "shard", bytes);
    return ids_of(folder / "shard", mode);
}

template <class T>
void set(std::string& bytes, std::size_t at, T value) {
    std::memcpy(bytes.data() + at, &value, sizeof value);
}

/// Makes the checksum right again.
void sign(std::string& bytes) {
    xxh64 hash;
    hash.add(std::as_bytes(std::span(bytes).subspan(32)));
    hash.add(std::as_bytes(std::span(bytes).first(24)));
    set(bytes, 24, hash.value());
}

}  // namespace

TEST_CASE("A token shard gives back the ids written to it, whole and in parts", "[io]") {
    scratch_folder const folder;
    for (std::uint32_t const vocabulary : {263u, 65536u, 65537u, 262144u, 0xffffffffu}) {
        ids all(200003);
        for (std::size_t i = 0; i < all.size(); ++i) {
            all[i] = static_cast<std::uint32_t>(i * 2654435761u) % vocabulary;
        }
        all.back() = vocabulary - 1;
        write(folder / "shard", vocabulary, all);
        for (auto const mode : {file_mode::map, file_mode::read}) {
            token_shard const shard(folder / "shard", mode);
            CHECK(shard.vocabulary() == vocabulary);
            REQUIRE(shard.size() == all.size());
            CHECK(read(shard) == all);
            ids part(7);
            shard.read(199996, part);
            CHECK(part == ids(all.end() - 7, all.end()));
            shard.read(200003, {});
        }
        CHECK(std::filesystem::file_size(folder / "shard") == 32 + all.size() * (vocabulary <= 65536 ? 2 : 4));
    }
}

TEST_CASE("The bytes of a token shard are what its documentation says", "[io]") {
    scratch_folder const folder;
    write(folder / "shard", 263, {1, 2, 262});
    std::string wanted("nibbleid\1\0\0\0\7\1\0\0\3\0\0\0\0\0\0\0????????\1\0\2\0\6\1", 38);
    sign(wanted);
    CHECK(text_of(folder / "shard") == wanted);
    write(folder / "shard", 65537, {65536});
    wanted = std::string("nibbleid\1\0\0\0\1\0\1\0\1\0\0\0\0\0\0\0????????\0\0\1\0", 36);
    sign(wanted);
    CHECK(text_of(folder / "shard") == wanted);
    write(folder / "shard", 1, {});
    CHECK(token_shard(folder / "shard").size() == 0);
}

TEST_CASE("P1: any prefix and any changed byte of a token shard is refused with its place", "[io]") {
    scratch_folder const folder;
    for (std::uint32_t const vocabulary : {263u, 70000u}) {
        write(folder / "whole", vocabulary, {0, 1, 2, 100, 262});
        auto const bytes = text_of(folder / "whole");
        REQUIRE(ids_of(folder, bytes, file_mode::map) == ids{0, 1, 2, 100, 262});
        for (std::size_t size = 0; size < bytes.size(); ++size) {
            REQUIRE_FALSE(ids_of(folder, bytes.substr(0, size), file_mode::map));
        }
        for (auto const mode : {file_mode::map, file_mode::read}) {
            CHECK_FALSE(ids_of(folder, bytes + '\0', mode));
            CHECK_FALSE(ids_of(folder, bytes + bytes, mode));
        }
        std::fstream file(folder / "whole", std::ios::binary | std::ios::in | std::ios::out);
        for (std::size_t at = 0; at < bytes.size(); ++at) {
            auto const change = [&](char to) {
                file.seekp(static_cast<std::streamoff>(at)).put(to).flush();
                return ids_of(folder / "whole", file_mode::read);
            };
            for (int flip = 1; flip < 256; ++flip) {
                INFO("byte " << at << " is changed by " << flip);
                REQUIRE_FALSE(change(static_cast<char>(bytes[at] ^ flip)));
            }
            REQUIRE(change(bytes[at]) == ids{0, 1, 2, 100, 262});
        }
    }
}

TEST_CASE("P1: a token shard that lies with a right checksum is refused", "[io]") {
    scratch_folder const folder;
    write(folder / "whole", 263, {0, 1, 2});
    auto const whole = text_of(folder / "whole");
    auto const refused = [&](std::size_t at, auto value, std::string const& why) {
        auto bytes = whole;
        set(bytes, at, value);
        sign(bytes);
        put(folder / "shard", bytes);
        CHECK_THROWS_WITH(token_shard(folder / "shard"), ContainsSubstring(why));
    };
    refused(0, 'N', "byte 0: this is no token shard");
    refused(8, std::uint32_t{2}, "byte 8: the version is 2");
    refused(12, std::uint32_t{0}, "byte 12: the vocabulary has no ids");
    refused(12, std::uint32_t{2}, "byte 36: token 2 is id 2, not below the 2");
    refused(12, std::uint32_t{70000}, "byte 16: 3 ids of 4 bytes");
    refused(16, ~std::uint64_t{0}, "byte 16: 18446744073709551615 ids");
    refused(16, (std::uint64_t{1} << 63) + 3, "byte 16: ");  // times 2 bytes wraps to the right size
    refused(36, std::uint16_t{263}, "byte 36: token 2 is id 263, not below the 263");
}

TEST_CASE("P17: ids outside the vocabulary and reads behind the end are refused", "[io]") {
    scratch_folder const folder;
    CHECK_THROWS_WITH(token_shard_writer(folder / "shard", 0), ContainsSubstring("one id or more"));
    token_shard_writer writer(folder / "shard", 263);
    writer.write(ids{1, 2});
    CHECK_THROWS_WITH(writer.write(ids{3, 263}), ContainsSubstring("token 3 is id 263, not below the 263"));
    writer.write(ids{4});
    writer.commit();
    token_shard const shard(folder / "shard");
    CHECK(read(shard) == ids{1, 2, 4});
    ids two(2);
    CHECK_THROWS_WITH(shard.read(2, two), ContainsSubstring("tokens 2 to 4"));
    CHECK_THROWS_WITH(shard.read(4, {}), ContainsSubstring("there are 3"));
    CHECK_THROWS_AS(shard.read(~std::uint64_t{0}, two), error);
    CHECK_THROWS_AS(token_shard(folder / "none"), error);
}

TEST_CASE("P23: a token shard appears whole or not at all", "[io]") {
    scratch_folder const folder;
    write(folder / "shard", 263, {1, 2, 3});
    auto const before = text_of(folder / "shard");
    {
        token_shard_writer writer(folder / "shard", 263);
        writer.write(ids(100000, 7));
        CHECK(text_of(folder / "shard") == before);
    }
    CHECK(folder.files() == std::set<std::string>{"shard"});
    CHECK(text_of(folder / "shard") == before);
}
