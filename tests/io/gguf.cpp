// SPDX-License-Identifier: Apache-2.0
#include <nibble/io/gguf.hpp>

#include <catch2/catch_test_macros.hpp>

#include <fstream>
#include <sstream>

namespace {

struct bytes_of_a_file {
    std::string text;
    template <typename T>
    void put(T value) {
        text.append(reinterpret_cast<char const*>(&value), sizeof value);
    }
    void put_text(std::string_view value) {
        put(std::uint64_t{value.size()});
        text += value;
    }
    std::span<std::byte const> view() const { return std::as_bytes(std::span(text)); }
};

bytes_of_a_file small_file() {
    bytes_of_a_file file;
    file.text = "GGUF";
    file.put(std::uint32_t{3});
    file.put(std::uint64_t{2});
    file.put(std::uint64_t{3});
    file.put_text("a.width");
    file.put(std::uint32_t{4});
    file.put(std::uint32_t{640});
    file.put_text("a.name");
    file.put(std::uint32_t{8});
    file.put_text("tiny");
    file.put_text("a.tokens");
    file.put(std::uint32_t{9});
    file.put(std::uint32_t{8});
    file.put(std::uint64_t{2});
    file.put_text("x");
    file.put_text("");
    for (int i = 0; i < 2; ++i) {
        file.put_text(i == 0 ? "w" : "v");
        file.put(std::uint32_t{1});
        file.put(std::uint64_t{32});
        file.put(std::uint32_t{i == 0 ? 2U : 0U});
        file.put(std::uint64_t{i == 0 ? 0U : 32U});
    }
    file.text.resize((file.text.size() + 31) / 32 * 32 + 32 + 128);
    return file;
}

}  // namespace

TEST_CASE("A GGUF file gives its metadata and its tensors' bytes") {
    auto const source = small_file();
    auto const file = nibble::gguf_file::parse(source.view());
    CHECK(file.at("a.width").as_uint() == 640);
    CHECK(file.at("a.name").as_string() == "tiny");
    CHECK(file.at("a.tokens").as_strings() == std::vector<std::string_view>{"x", ""});
    CHECK(file.tensor("w").bytes.size() == 18);
    CHECK(file.tensor("w").type->name == "Q4_0");
    CHECK(file.tensor("v").bytes.size() == 128);
    CHECK_THROWS_AS(file.at("a.name").as_uint(), nibble::error);
    CHECK_THROWS_AS(file.at("b"), nibble::error);
}

TEST_CASE("P1: every proper prefix of a GGUF file is refused with a byte offset") {
    auto const source = small_file();
    for (std::size_t size = 0; size < source.text.size(); ++size) {
        std::vector<std::byte> const part(source.view().begin(),
                                          source.view().begin() + static_cast<std::ptrdiff_t>(size));
        try {
            nibble::gguf_file::parse(part);
            FAIL("accepted " << size << " bytes");
        } catch (nibble::error const& e) {
            CHECK(std::string(e.what()).find("at byte") != std::string::npos);
        }
    }
}

TEST_CASE("P1: every malformed GGUF file gets its verdict, mapped or read") {
    std::string const folder = NIBBLE_SOURCE_DIR "/../shared/malformed/";
    std::ifstream manifest(folder + "MANIFEST.tsv");
    if (!manifest) {
        SKIP("no folder of malformed files");
    }
    int seen = 0;
    for (std::string line; std::getline(manifest, line);) {
        std::istringstream fields(line);
        std::string name, expected, stage;
        fields >> name >> expected >> stage;
        if (!name.ends_with(".gguf")) {
            continue;
        }
        ++seen;
        INFO(name);
        for (auto const mode : {nibble::file_mode::map, nibble::file_mode::read}) {
            if (expected == "reject" && stage == "container") {
                CHECK_THROWS_AS(nibble::gguf_file::open(folder + name, {}, mode), nibble::error);
            } else {
                CHECK_NOTHROW(nibble::gguf_file::open(folder + name, {}, mode));
            }
        }
    }
    CHECK(seen > 50);
}
