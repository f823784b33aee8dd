// SPDX-License-Identifier: Apache-2.0
#include <nibble/quantize/quantize.hpp>
#include <nibble/scheme/presets.hpp>

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

using namespace nibble;

namespace {

/// One block of 32 in ggml's field order: scale, offset if there is one, fifth bits, then nibbles (or bytes).
/// In a nibble format byte j holds element j low and element j + 16 high.
template <class S>
std::string ggml_block(matrix<float> const& x) {
    using St = storage_of<S>;
    auto const packed = quantize<S>(cpu{}, x);
    std::vector<unsigned> bytes;
    auto const half = [&](f16 h) {
        bytes.push_back(h.bits & 255u);
        bytes.push_back(h.bits >> 8);
    };
    half(packed.scale(0, 0));
    if constexpr (std::same_as<typename St::zero_type, f16>) {
        half(packed.zero(0, 0));
    }
    if constexpr (St::bits == 5) {
        for (std::size_t i = 0; i < 32; i += 8) {
            unsigned byte = 0;
            for (std::size_t j = 0; j < 8; ++j) {
                byte |= (packed.code(0, i + j) >> 4) << j;
            }
            bytes.push_back(byte);
        }
    }
    for (std::size_t i = 0; i < (St::bits == 8 ? 32u : 16u); ++i) {
        bytes.push_back(St::bits == 8 ? (packed.code(0, i) - 128u) & 255u
                                      : (packed.code(0, i) & 15u) | (packed.code(0, i + 16) & 15u) << 4);
    }
    std::string text;
    for (unsigned const byte : bytes) {
        text += "0123456789abcdef"[byte >> 4];
        text += "0123456789abcdef"[byte & 15u];
    }
    return text;
}

}  // namespace

TEST_CASE("ggml's presets give ggml's bytes", "[quantize]") {
    matrix<float> x(1, 32);
    for (std::size_t j = 0; j < 32; ++j) {
        x(0, j) = (static_cast<float>((29 * j + 7) % 64) - 32.0f) / 16.0f;
    }
    CHECK(ggml_block<q4_0>(x) == "003462d940c83fa61d95fc73ea62d940b73f");
    CHECK(ggml_block<q4_1>(x) == "333400c052c940b73ea61d84fb73ea51c840b72e");
    CHECK(ggml_block<q5_0>(x) == "00305295aa55c4a2917f6e4c3b19f8e6d5b3a2807f5d");
    CHECK(ggml_block<q5_1>(x) == "113000c05295aa55b3a2807f5d4c2a19f7e6c4b391806e5d");
    CHECK(ggml_block<q8_0>(x) == "08249d1085f86be053c83cb124990c81f467dc4fc438ad2095087bf063d84bc034a9");
}

TEST_CASE("an all-zero block has ggml's negative zero", "[quantize]") {
    matrix<float> const x(1, 32);
    CHECK(ggml_block<q4_0>(x) == "0080" + std::string("88888888888888888888888888888888"));
    CHECK(ggml_block<q5_0>(x) == "0080ffffffff" + std::string(32, '0'));
    CHECK(ggml_block<q8_0>(x) == std::string(68, '0'));
}

TEST_CASE("P10: a product and the sum after it are two roundings, whatever the target could fuse", "[quantize]") {
    std::mt19937 random(11);
    int fused_differs = 0;
    for (int i = 0; i < 20'000; ++i) {
        matrix<float> x(1, 32);
        float const extreme = std::ldexp(1.0f + static_cast<float>(random() % 0x7fffff) * 0x1p-23f, 2);
        x(0, 0) = extreme;
        float const volatile inverse = 1.0f / (extreme / -8.0f);
        for (std::size_t c = 1; c < 32; ++c) {  // as near to a tie of two codes as f32 has values
            auto const code = static_cast<float>(random() % 15) - 7.5f;
            x(0, c) = std::nextafter(code / inverse, random() % 2 == 0 ? -100.0f : 100.0f);
        }
        auto const packed = quantize<q4_0>(cpu{}, x);
        for (std::size_t c = 1; c < 32; ++c) {
            float const volatile product = x(0, c) * inverse;
            float const volatile sum = product + 8.5f;  // stores round
            REQUIRE(packed.code(0, c) == std::min(15u, static_cast<unsigned>(sum)));
            float const fused = std::fma(x(0, c), inverse, 8.5f);
            fused_differs += static_cast<unsigned>(fused) == static_cast<unsigned>(sum) ? 0 : 1;
        }
    }
    CHECK(fused_differs > 1000);  // so that the check above can fail
}
