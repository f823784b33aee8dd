// SPDX-License-Identifier: Apache-2.0
#include <nibble/io/safetensors.hpp>

#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace {

std::string with_header(std::string const& json, std::string const& data) {
    std::string file;
    for (unsigned i = 0; i < 8; ++i)
        file.push_back(static_cast<char>((json.size() >> (8 * i)) & 255));
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
    for (std::size_t n = 0; n < small.size(); ++n)
        CHECK(refusal(small.substr(0, n)).find("byte ") != std::string::npos);
}

TEST_CASE("P1, P3, P17: every sample of malformed/ gets its verdict") {
    std::filesystem::path const folder = NIBBLE_SOURCE_DIR "/../shared/malformed";
    if (!std::filesystem::exists(folder))
        SKIP("no malformed/ beside the sources");
    for (auto const& item : std::filesystem::directory_iterator(folder)) {
        if (item.path().extension() != ".safetensors")
            continue;
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
