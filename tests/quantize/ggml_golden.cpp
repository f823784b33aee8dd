// SPDX-License-Identifier: Apache-2.0
// What the package `gguf` makes of 1,024 blocks: tests/golden/make_ggml_blocks.py says which, and where it differs.
#include <nibble/io/ggml_blocks.hpp>
#include <nibble/numeric/random.hpp>
#include <nibble/quantize/quantize.hpp>
#include <nibble/scheme/presets.hpp>

#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <sstream>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

using namespace nibble;

namespace {

using block_bytes = std::vector<std::byte>;

std::ifstream open_golden(std::string const& name) {
    std::ifstream file(NIBBLE_SOURCE_DIR "/tests/golden/" + name, std::ios::binary);
    REQUIRE(file);
    return file;
}

struct section {
    std::size_t first, count, bytes;  // of the file; blocks; of a block
    std::size_t infinite, zero;       // blocks whose scale or offset overflows; whose scale alone rounds to zero
};

struct golden_blocks {
    std::map<std::string, section> sections;
    std::uint64_t checksum = 0;
    std::string data;

    golden_blocks() {
        auto index = open_golden("ggml_blocks.txt");
        std::string line;
        while (std::getline(index, line)) {
            std::istringstream words(line);
            std::string kind, name;
            words >> kind;
            section s{};
            if (kind == "checksum") {
                words >> checksum;
            } else if (words >> name >> s.first >> s.count >> s.bytes) {
                words >> s.infinite >> s.zero;
                sections[name] = s;
            }
        }
        auto file = open_golden("ggml_blocks.bin");
        data.assign(std::istreambuf_iterator<char>(file), {});
    }

    block_bytes block(std::string const& name, std::size_t i) const {
        section const& s = sections.at(name);
        block_bytes bytes(s.bytes);
        std::memcpy(bytes.data(), data.data() + s.first + i * s.bytes, s.bytes);
        return bytes;
    }
};

float bell(philox_block const& words) {
    std::int32_t sum = -(1 << 25);
    for (std::uint32_t const word : words.words) {
        sum += static_cast<std::int32_t>(word >> 8);
    }
    return static_cast<float>(sum) * 0x1p-24f;
}

float bf16_value(philox_block const& words) {
    return std::bit_cast<float>(std::bit_cast<std::uint32_t>(bell(words)) & 0xffff0000u);
}

float wide(philox_block const& words, std::size_t b) {
    std::uint32_t const word = words.words[0];
    auto const exponent = static_cast<std::uint32_t>(127 + b % 53 - 34) - (word >> 28 & 7u);
    return std::bit_cast<float>((word & 0x807fffffu) | exponent << 23);
}

float tie(philox_block const& words, std::size_t b, std::size_t place) {
    struct {
        int lowest, codes, extreme;
    } constexpr kinds[] = {{-8, 16, -8}, {0, 15, 15}, {-16, 32, -16}, {0, 31, 31}, {-127, 254, 127}};
    auto const& kind = kinds[b % 5];
    int twice = 2 * (kind.lowest + static_cast<int>(words.words[0] % static_cast<unsigned>(kind.codes))) + 1;
    if (place == 0) {
        twice = 2 * kind.extreme;
    } else if (place == 1 && kind.lowest == 0) {
        twice = 0;
    }
    return static_cast<float>(twice * static_cast<int>(2 * (b / 5) + 1)) / 64.0f;
}

float zero(philox_block const& words) { return std::bit_cast<float>(words.words[0] & 0x80000000u); }

/// The stored special blocks, then the generated families: one block a row.
matrix<float> golden_inputs(golden_blocks const& golden) {
    matrix<float> x(1024, 32);
    std::size_t row = 0;
    for (; row < golden.sections.at("f32").count; ++row) {
        auto const bytes = golden.block("f32", row);
        std::memcpy(x.row(row).data(), bytes.data(), bytes.size());
    }
    auto const family = [&](std::uint32_t number, std::size_t blocks, auto value) {
        for (std::size_t b = 0; b < blocks; ++b, ++row) {
            for (std::size_t place = 0; place < 32; ++place) {
                x(row, place) = value(random_block({0, 0, number}, 32 * b + place), b, place);
            }
        }
    };
    family(0, 320, [](auto const& words, auto...) { return bell(words); });
    family(1, 64, [](auto const& words, auto...) { return bf16_value(words); });
    family(2, 320, [](auto const& words, std::size_t b, auto...) { return wide(words, b); });
    family(3, 240, [](auto const& words, std::size_t b, std::size_t place) { return tie(words, b, place); });
    family(4, 16, [](auto const& words, auto...) { return zero(words); });
    REQUIRE(row == x.rows());
    return x;
}

/// The listed differences of one format: block -> (the package's bytes, the reference's).
std::map<std::size_t, std::pair<block_bytes, block_bytes>> differences(std::string const& format) {
    auto const bytes_of = [](std::string const& hex) {
        block_bytes bytes;
        for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
            bytes.push_back(static_cast<std::byte>(std::stoi(hex.substr(i, 2), nullptr, 16)));
        }
        return bytes;
    };
    std::map<std::size_t, std::pair<block_bytes, block_bytes>> result;
    auto list = open_golden("ggml_blocks_differences.txt");
    std::string name, package, reference;
    for (std::size_t block = 0; list >> name >> block >> package >> reference;) {
        if (name == format) {
            result[block] = {bytes_of(package), bytes_of(reference)};
        }
    }
    return result;
}

using formats = std::tuple<q4_0, q4_1, q5_0, q5_1, q8_0>;

}  // namespace

TEST_CASE("the golden inputs are made anew bit for bit", "[quantize]") {
    golden_blocks const golden;
    auto const x = golden_inputs(golden);
    std::uint64_t sum = 0;
    for (std::size_t e = 0; e < x.rows() * x.columns(); ++e) {
        sum += (e + 1) * std::uint64_t{std::bit_cast<std::uint32_t>(x.data()[e])};
    }
    CHECK(sum == golden.checksum);
}

TEMPLATE_LIST_TEST_CASE("ggml's presets give the bytes of the package gguf but where these are not ggml's",
                        "[quantize]", formats) {
    using St = storage_of<TestType>;
    using block = ggml_block<St>;
    std::string const name(ggml_name_of<St>);
    golden_blocks const golden;
    auto const x = golden_inputs(golden);
    auto const& section = golden.sections.at(name);
    REQUIRE(section.count == x.rows());
    REQUIRE(section.bytes == block::bytes);
    auto const listed = differences(name);
    std::size_t infinite = 0;
    std::size_t underflowed = 0;
    std::size_t differing = 0;
    for (std::size_t i = 0; i < x.rows(); ++i) {
        CAPTURE(i);
        auto const package = golden.block(name, i);
        ggml_blocks<St> const theirs(package.data(), 1, 32);
        matrix_view<float const> const row(x.row(i).data(), 1, 32);
        float offset = 0;
        if constexpr (St::has_zero) {
            offset = static_cast<float>(theirs.zero(0, 0));
        }
        if (std::isinf(static_cast<float>(theirs.scale(0, 0))) || std::isinf(offset)) {
            CHECK_THROWS_AS(quantize<TestType>(cpu{}, row), error);  // ggml stores the infinity
            ++infinite;
            continue;
        }
        quantize_statistics statistics;
        auto const packed = quantize<TestType>(cpu{}, row, {.statistics = &statistics});
        if (statistics.underflowed_groups != 0) {
            // ggml keeps the codes of a scale that it stores as zero; both decode to the offset.
            CHECK(dequantize(cpu{}, packed) == dequantize(cpu{}, theirs));
            ++underflowed;
            continue;
        }
        block_bytes ours(block::bytes);
        write_ggml_row(packed, 0, ours.data());
        if (auto const at = listed.find(i); at != listed.end()) {
            CHECK(package == at->second.first);
            CHECK(ours == at->second.second);
            CHECK(ours != package);
            ++differing;
        } else {
            CHECK(ours == package);
        }
    }
    CHECK(infinite == section.infinite);
    CHECK(underflowed == section.zero);
    CHECK(differing == listed.size());
}
