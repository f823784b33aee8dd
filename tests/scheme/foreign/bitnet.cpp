// SPDX-License-Identifier: Apache-2.0
// What transformers' BitNet layers make of matrices and of activations: tests/golden/make_bitnet.py.
#include <nibble/scheme/foreign/bitnet.hpp>

#include <catch2/catch_test_macros.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <support/foreign.hpp>

using namespace nibble;

namespace {

/// What the package decodes a code to: its integer over the factor, rounded to the type of the weights.
template <class T>
float value_of(int code, float factor) {
    return static_cast<float>(T(static_cast<float>(code) / factor));
}

template <class Packed>
std::size_t differing_codes(golden_case const& c, Packed const& packed, int bias) {
    std::size_t count = 0;
    for (std::size_t i = 0; i < packed.rows() * packed.columns(); ++i) {
        int const code = static_cast<int>(packed.code(i / packed.columns(), i % packed.columns())) - bias;
        count += code != c["codes"].integer(i) ? 1u : 0u;
    }
    return count;
}

/// The rows whose values are others once a negative value that becomes zero has the package's −0.
template <class T, class Packed>
std::size_t differing_rows(golden_case const& c, Packed const& packed, int bias) {
    std::size_t count = 0;
    auto const x = c["x"].values();
    for (std::size_t row = 0; row < packed.rows(); ++row) {
        float const factor = c["factors"].value(c["factors"].rows == 1 ? 0 : row);
        auto const sum = checksum_of_row(packed.columns(), [&](std::size_t column) {
            float const value = value_of<T>(static_cast<int>(packed.code(row, column)) - bias, factor);
            return value == 0.0f && std::signbit(x(row, column)) ? -0.0f : value;
        });
        count += sum != c["checksums"].at<std::uint64_t>(row) ? 1u : 0u;
    }
    return count;
}

}  // namespace

TEST_CASE("bitnet_b158 has the package's codes, and its factor is 1 over the scale", "[scheme]") {
    golden_file const golden("bitnet");
    std::size_t matrices = 0;
    for (golden_case const& c : golden.cases()) {
        if (c.preset != "bitnet_b158") {
            continue;
        }
        CAPTURE(c.words);
        auto const packed = quantize<bitnet_b158>(cpu{}, c["x"].values());
        CHECK(differing_codes(c, packed, 1) == 0);
        CHECK(1.0f / packed.scale(0, 0) == c["factors"].value(0));
        CHECK((c.type() == "bf16" ? differing_rows<bf16>(c, packed, 1) : differing_rows<float>(c, packed, 1)) == 0);
        ++matrices;
    }
    CHECK(matrices == 11);
}

TEST_CASE("a mean that depends on the order of adding is the package's to n roundings", "[scheme]") {
    golden_file const golden("bitnet");
    golden_case const& c = golden.find("bitnet_b158_order", "f32", 256);
    auto const packed = quantize<bitnet_b158>(cpu{}, c["x"].values());
    auto const factor = static_cast<double>(c["factors"].value(0));
    // 255 additions of positive numbers, a division and a reciprocal there; one rounding and the reciprocal here.
    CHECK(std::fabs(1.0 / static_cast<double>(packed.scale(0, 0)) - factor) <= 259 * 0x1p-24 * factor);
    CHECK(differing_codes(c, packed, 1) == 0);
}

TEST_CASE("bitnet_b158_tokens has the package's codes, and its factor is 1 over the scale to a rounding", "[scheme]") {
    golden_file const golden("bitnet");
    golden_case const& c = golden.find("bitnet_activations", "f32", 128);
    auto const packed = quantize<bitnet_b158_tokens>(cpu{}, c["x"].values());
    CHECK(differing_codes(c, packed, 128) == 0);
    CHECK(differing_rows<float>(c, packed, 128) == 0);
    for (std::size_t row = 0; row < packed.rows(); ++row) {
        CHECK(packed.scale(row, 0) == 1.0f / c["factors"].value(row));
    }
}

TEST_CASE("every case of BitNet's file is compared", "[scheme]") { CHECK(golden_file("bitnet").cases().size() == 13); }
