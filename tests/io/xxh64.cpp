// SPDX-License-Identifier: Apache-2.0
#include <nibble/io/xxh64.hpp>

#include <catch2/catch_test_macros.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

using namespace nibble;

namespace {

std::uint64_t hash_of(std::span<std::byte const> bytes) {
    xxh64 hash;
    hash.add(bytes);
    return hash.value();
}
std::uint64_t hash_of(std::string const& text) { return hash_of(std::as_bytes(std::span(text))); }

std::vector<std::byte> counted(std::size_t size) {
    std::vector<std::byte> bytes(size);
    for (std::size_t i = 0; i < size; ++i) {
        bytes[i] = static_cast<std::byte>(i * 7 + 1);
    }
    return bytes;
}

}  // namespace

// The expected values are those of the reference implementation, version 0.8, for every way that an input can end.
TEST_CASE("XXH64 is the published function", "[io]") {
    CHECK(hash_of("") == 0xef46db3751d8e999);
    CHECK(hash_of("a") == 0xd24ec4f1a98c6e5b);
    CHECK(hash_of("abc") == 0x44bc2cf5ad770999);
    CHECK(hash_of("message digest") == 0x066ed728fceeb3be);
    CHECK(hash_of("abcdefghijklmnopqrstuvwxyz") == 0xcfe1f278fa89835c);
    CHECK(hash_of(counted(31)) == 0x6ab1c40e29f50073);
    CHECK(hash_of(counted(32)) == 0x5a0756fbe9ecd3d1);
    CHECK(hash_of(counted(33)) == 0xdc50cdc37bb9c183);
    CHECK(hash_of(counted(36)) == 0x31e83081f3301bb8);
    CHECK(hash_of(counted(40)) == 0x7899cacb89a78430);
    CHECK(hash_of(counted(63)) == 0x10dd94885c71894a);
    CHECK(hash_of(counted(64)) == 0x90083da9cdb9d795);
    CHECK(hash_of(counted(222)) == 0x414e90bbb8c2c7d0);
    CHECK(hash_of(counted(1000)) == 0x6be03acbf959c413);
}

TEST_CASE("XXH64 does not depend on the pieces that bytes come in", "[io]") {
    auto const bytes = counted(150);
    for (std::size_t a = 0; a <= bytes.size(); ++a) {
        for (std::size_t b = a; b <= bytes.size(); b += 13) {
            xxh64 hash;
            hash.add(std::span(bytes).first(a));
            hash.add(std::span(bytes).subspan(a, b - a));
            hash.add(std::span(bytes).subspan(b));
            REQUIRE(hash.value() == hash_of(bytes));
        }
    }
}
