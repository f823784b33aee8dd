// SPDX-License-Identifier: Apache-2.0
#include <nibble/io/ggml_blocks.hpp>
#include <nibble/tensor/packed_tensor.hpp>

#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <random>
#include <string>
#include <support/golden_file.hpp>
#include <tuple>
#include <vector>

using namespace nibble;

namespace {

/// Byte i of a block is (37 · i + 11) mod 256, the scale 0.5, the offset −0.25.
std::vector<std::byte> block_of_the_reference_sheet(std::size_t bytes, std::size_t scale_at, bool offset) {
    std::vector<std::byte> block(bytes);
    for (std::size_t i = 0; i < bytes; ++i) {
        block[i] = static_cast<std::byte>((37 * i + 11) % 256);
    }
    f16 const scale(0.5f);
    f16 const zero(-0.25f);
    std::memcpy(&block[scale_at], &scale, 2);
    if (offset) {
        std::memcpy(&block[2], &zero, 2);
    }
    return block;
}

struct sums {
    float first[4];
    float last;
    double sum;
    double weighted;
};

template <class M>
void check_values(M const& w, sums const& expected) {
    std::vector<float> x(w.columns());
    decode_row(w, 0, 0, x);
    double sum = 0;
    double weighted = 0;
    for (std::size_t e = 0; e < x.size(); ++e) {
        sum += x[e];
        weighted += static_cast<double>(e + 1) * x[e];
    }
    for (std::size_t i = 0; i < 4; ++i) {
        CHECK(x[i] == expected.first[i]);
    }
    CHECK(x.back() == expected.last);
    CHECK(sum == expected.sum);
    CHECK(weighted == expected.weighted);
}

template <class S>
void check_format(sums const& expected) {
    using block = ggml_block<storage_of<S>>;
    std::size_t const scale_at = std::same_as<S, q6_k> ? 208 : 0;
    auto const bytes = block_of_the_reference_sheet(block::bytes, scale_at, storage_of<S>::has_zero);
    check_values(ggml_blocks<storage_of<S>>(bytes.data(), 1, block::count), expected);
}

using golden_formats = std::tuple<q2_k, q3_k, q4_k, q5_k, q6_k, tq2_0, iq4_nl, mxfp4, nvfp4_block>;

}  // namespace

TEST_CASE("ggml's blocks decode to the values of its formulas", "[io]") {
    check_format<q4_0>({{-1.5f, 1.0f, 3.5f, -2.0f}, 0.0f, -10.5, -259});
    check_format<q4_1>({{7.25f, 1.75f, 4.25f, 6.75f}, 5.75f, 114.5, 1859.5});
    check_format<q5_0>({{4.5f, -1.0f, 1.5f, -4.0f}, 0.5f, 7.5, 56});
    check_format<q5_1>({{9.25f, 11.75f, 14.25f, 8.75f}, 2.25f, 244.5, 3818.5});
    check_format<q8_0>({{42.5f, 61.0f, -48.5f, -30.0f}, -24.0f, -88, -4040});
    check_format<q6_k>({{-715.5f, 848.0f, 291.5f, -265.0f}, -30.0f, 2306, 392210});
}

using formats =
    std::tuple<q4_0, q4_1, q5_0, q5_1, q8_0, q2_k, q3_k, q4_k, q5_k, q6_k, tq2_0, iq4_nl, mxfp4, nvfp4_block>;

TEMPLATE_LIST_TEST_CASE("blocks read at any address and written again are the same bytes", "[io]", formats) {
    using St = storage_of<TestType>;
    constexpr std::size_t rows = 3;
    using block = ggml_block<St>;
    constexpr std::size_t columns = 3 * block::count;
    constexpr std::size_t row_bytes = 3 * block::bytes;
    std::mt19937 random(3);
    std::vector<std::byte> source(1 + rows * row_bytes);
    for (std::byte& b : source) {
        b = static_cast<std::byte>(random() & 255u);
    }
    ggml_blocks<St> const blocks(source.data() + 1, rows, columns);
    packed_tensor<St> packed(rows, columns);
    std::vector<std::uint8_t> codes(columns);
    for (std::size_t row = 0; row < rows; ++row) {
        blocks.codes(row, 0, codes);
        packed.set_codes(row, 0, codes);
        for (std::size_t g = 0; g < blocks.groups(); ++g) {
            packed.set_scale(row, g, blocks.scale(row, g), blocks.zero(row, g));
        }
        std::vector<std::byte> written(row_bytes);
        write_ggml_row(packed, row, written.data());
        CHECK(std::memcmp(written.data(), source.data() + 1 + row * row_bytes, row_bytes) == 0);
        std::uint8_t few[5];
        blocks.codes(row, block::count - 2, few);  // across two blocks
        CHECK(std::memcmp(few, &codes[block::count - 2], 5) == 0);
    }
}

TEMPLATE_LIST_TEST_CASE("blocks decode to the values that the package gguf reads", "[io]", golden_formats) {
    using block = ggml_block<storage_of<TestType>>;
    golden_file const file("ggml_kquants");
    golden_case const& golden = file.find(std::string(block::name), "decode", storage_of<TestType>::group);
    golden_array const& blocks = golden["blocks"];
    golden_array const& values = golden["values"];
    REQUIRE(blocks.rows > 0);
    REQUIRE(blocks.columns == block::bytes);
    REQUIRE(values.columns == block::count);
    auto const* const bytes = reinterpret_cast<std::byte const*>(blocks.data);
    ggml_blocks<storage_of<TestType>> const w(bytes, blocks.rows, block::count);
    std::vector<float> x(block::count);
    for (std::size_t row = 0; row < blocks.rows; ++row) {
        if (block::name == ggml_block_mxfp4::name && bytes[row * block::bytes] == std::byte{255}) {
            continue;  // NaN here, 2^128 in ggml
        }
        decode_row(w, row, 0, x);
        CHECK(checksum_of_row(x.size(), [&](std::size_t e) { return x[e]; }) ==
              golden["checksums"].at<std::uint64_t>(row));
        if (row < values.rows) {
            CHECK(std::memcmp(x.data(), values.data + row * x.size() * sizeof(float), x.size() * sizeof(float)) == 0);
        }
    }
}
