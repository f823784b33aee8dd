// SPDX-License-Identifier: Apache-2.0
// What ggml makes of 24 rows of values, by its own library (tests/golden/make_ggml_level_encode.py), and of other
// blocks by the package gguf (tests/golden/make_ggml_kquants.py).
#include <nibble/io/ggml_blocks.hpp>
#include <nibble/quantize/quantize.hpp>
#include <nibble/scheme/foreign/ggml.hpp>
#include <nibble/scheme/presets.hpp>

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <support/golden_file.hpp>
#include <vector>

using namespace nibble;

namespace {

struct block_counts {
    std::size_t differing = 0;
    std::size_t infinite = 0;     ///< rows whose scale is stored as infinity there, and refused here
    std::size_t underflowed = 0;  ///< rows whose scale is stored as 0, beside codes there: only values agree

    friend bool operator==(block_counts const&, block_counts const&) = default;
};

/// The blocks of a case beside those that S makes, row by row.
template <class S>
block_counts compare_blocks(golden_case const& c) {
    using St = storage_of<S>;
    using block = ggml_block<St>;
    golden_array const& blocks = c["blocks"];
    auto const x = c["x"].values();
    REQUIRE(blocks.columns == x.columns() / block::count * block::bytes);
    std::vector<std::byte> ours(blocks.columns);
    block_counts counts;
    for (std::size_t row = 0; row < x.rows(); ++row) {
        CAPTURE(row);
        auto const* const expected = reinterpret_cast<std::byte const*>(blocks.data) + row * blocks.columns;
        ggml_blocks<St> const theirs(expected, 1, x.columns());
        matrix_view<float const> const values(x.row(row).data(), 1, x.columns());
        if (std::isinf(static_cast<float>(theirs.scale(0, 0)))) {
            CHECK_THROWS_AS(quantize<S>(cpu{}, values), error);
            ++counts.infinite;
            continue;
        }
        quantize_statistics statistics;
        auto const packed = quantize<S>(cpu{}, values, {.statistics = &statistics});
        write_ggml_row(packed, 0, ours.data());
        if (statistics.underflowed_groups != 0 && !std::equal(ours.begin(), ours.end(), expected)) {
            CHECK(dequantize(cpu{}, packed) == dequantize(cpu{}, theirs));
            ++counts.underflowed;
            continue;
        }
        for (std::size_t b = 0; b < ours.size(); b += block::bytes) {
            CAPTURE(b / block::bytes);
            bool const same = std::equal(ours.data() + b, ours.data() + b + block::bytes, expected + b);
            CHECK(same);
            counts.differing += same ? 0u : 1u;
        }
    }
    return counts;
}

template <class S>
block_counts compare_to_library(std::string const& format) {
    golden_file const golden("ggml_level_encode");
    return compare_blocks<S>(golden.find(format, "f32", ggml_block<storage_of<S>>::count));
}

}  // namespace

TEST_CASE("ggml_mxfp4, ggml_nvfp4 and ggml_iq4_nl make ggml's blocks", "[scheme]") {
    CHECK(compare_to_library<ggml_mxfp4>("MXFP4") == block_counts{});
    CHECK(compare_to_library<ggml_nvfp4>("NVFP4") == block_counts{});
    CHECK(compare_to_library<ggml_iq4_nl>("IQ4_NL") == block_counts{});
}

TEST_CASE("ggml_mxfp4 and tq2_0 make the blocks of the package gguf", "[scheme]") {
    golden_file const golden("ggml_kquants");
    CHECK(compare_blocks<ggml_mxfp4>(golden.find("MXFP4", "encode", 32)) == block_counts{});
    CHECK(compare_blocks<tq2_0>(golden.find("TQ2_0", "encode", 256)) == block_counts{.infinite = 1, .underflowed = 1});
}

TEST_CASE("the logarithm of a scale is rounded to f32", "[scheme]") {
    std::mt19937 random(1);
    for (int trial = 0; trial < 100000; ++trial) {
        int const k = static_cast<int>(random() % 250) - 123;
        float x = std::ldexp(1.0f, k);
        for (auto steps = random() % 64; steps != 0; --steps) {
            x = std::nextafter(x, 0.0f);
        }
        auto const binade = std::floor(static_cast<float>(std::log2(static_cast<double>(x))));
        REQUIRE(power_of_two_of_log2::scale({0, x, x}, -6, 6) == std::ldexp(1.0f, static_cast<int>(binade) - 2));
    }
}

TEST_CASE("a quotient rounded to odd lies on the side of a tie where the exact one lies", "[scheme]") {
    std::mt19937 random(2);
    float const ties[] = {0.25f, 0.75f, 1.25f, 1.75f, 2.5f, 3.5f, 5.0f};
    for (int trial = 0; trial < 100000; ++trial) {
        float const s = std::ldexp(static_cast<float>(8 + random() % 8), static_cast<int>(random() % 15) - 9);
        float const tie = ties[random() % 7] * (random() % 2 == 0 ? 1.0f : -1.0f);
        float const exact = tie * s;  // at most 7 bits
        for (float const x : {exact, std::nextafter(exact, 1e9f), std::nextafter(exact, -1e9f)}) {
            float const v = divide_to_odd::apply(x, s);
            REQUIRE((v < tie) == (x < exact));
            REQUIRE((v > tie) == (x > exact));
        }
    }
}
