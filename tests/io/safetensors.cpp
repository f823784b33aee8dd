// SPDX-License-Identifier: Apache-2.0
#include <nibble/io/safetensors.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace {

std::string with_header(std::string const& json, std::string const& data) {
    std::string file;
    for (unsigned i = 0; i < 8; ++i) {
        file.push_back(static_cast<char>((json.size() >> (8 * i)) & 255));
    }
    return file + json + data;
}

std::string refusal(std::string const& file) {
    try {
        nibble::safetensors_file::parse(std::as_bytes(std::span(file)));
    } catch (nibble::error const& e) {
        return e.what();
    }
    return {};
}

std::string const small =
    with_header(R"({"__metadata__":{"format":"pt"},"a":{"dtype":"BF16","shape":[2],"data_offsets":[0,4]}})", "abcd");

}  // namespace

TEST_CASE("a parsed file gives its metadata, shapes and bytes") {
    auto const file = nibble::safetensors_file::parse(std::as_bytes(std::span(small)));
    REQUIRE(file.entries().size() == 1);
    auto const& a = file.entries()[0];
    CHECK(a.name == "a");
    CHECK(a.dtype == "BF16");
    CHECK(a.shape == std::vector<std::uint64_t>{2});
    CHECK(std::to_integer<char>(a.bytes[3]) == 'd');
    CHECK(file.metadata()[0].second == "pt");
}

TEST_CASE("P1: each proper prefix is refused with a byte offset") {
    for (std::size_t n = 0; n < small.size(); ++n) {
        CHECK(refusal(small.substr(0, n)).find("byte ") != std::string::npos);
    }
}

TEST_CASE("P1, P3, P17: every sample of malformed/ gets its verdict") {
    std::filesystem::path const folder = NIBBLE_SOURCE_DIR "/../shared/malformed";
    if (!std::filesystem::exists(folder)) {
        SKIP("no malformed/ beside the sources");
    }
    for (auto const& item : std::filesystem::directory_iterator(folder)) {
        if (item.path().extension() != ".safetensors") {
            continue;
        }
        INFO(item.path().string());
        std::ostringstream text;
        text << std::ifstream(item.path(), std::ios::binary).rdbuf();
        bool const accept = item.path().string().find("_accept") != std::string::npos;
        CHECK(refusal(text.str()).empty() == accept);
    }
}

TEST_CASE("P15: a file of no tensors and a tensor of no elements are read") {
    CHECK(refusal(with_header("{}", "")).empty());
    CHECK(refusal(with_header(R"({"e":{"dtype":"F32","shape":[2,0],"data_offsets":[0,0]}})", "")).empty());
}

TEST_CASE("P14: a file may lie at any address, and its entries view it, also when the file is moved") {
    auto const text = with_header(R"({"b":{"dtype":"F32","shape":[1],"data_offsets":[1,5]},
        "a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})",
                                  "abcde");
    for (std::size_t shift = 0; shift < 16; ++shift) {
        std::vector<std::byte> memory(shift + text.size());
        std::memcpy(memory.data() + shift, text.data(), text.size());
        auto const bytes = std::span<std::byte const>(memory).subspan(shift);
        auto parsed = nibble::safetensors_file::parse(bytes);
        auto const* const entry = &parsed.entries()[0];
        auto const file = std::move(parsed);
        CHECK(&file.entries()[0] == entry);
        CHECK(entry->bytes.data() == bytes.data() + bytes.size() - 4);
        CHECK(entry->bytes.size() == 4);
        CHECK(file.entries()[1].bytes.data() == bytes.data() + bytes.size() - 5);
    }
}

TEST_CASE("P2: each limit of the header is kept to the last value it allows") {
    std::string const json = R"({"__metadata__":{"k":"v"},"e":{"dtype":"F32","shape":[2,0],"data_offsets":[0,0]}})";
    auto const file = with_header(json, "");
    nibble::safetensors_limits const exact{json.size(), std::string(R"("data_offsets":[)").size(), 1, 1, 2};
    CHECK_NOTHROW(nibble::safetensors_file::parse(std::as_bytes(std::span(file)), exact));
    for (auto const field : {0, 1, 2, 3, 4}) {
        auto limits = exact;
        limits.header_bytes -= field == 0;
        limits.string_bytes -= field == 1;
        limits.tensors -= field == 2;
        limits.metadata_pairs -= field == 3;
        limits.rank -= field == 4;
        INFO(field);
        CHECK_THROWS_WITH(nibble::safetensors_file::parse(std::as_bytes(std::span(file)), limits),
                          Catch::Matchers::ContainsSubstring("limit"));
    }
}
