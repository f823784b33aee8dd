// SPDX-License-Identifier: Apache-2.0
#include <nibble/nn/embedding.hpp>
#include <nibble/nn/linear.hpp>
#include <nibble/quantize/quantize.hpp>
#include <nibble/tensor/repack.hpp>

#include <catch2/catch_test_macros.hpp>

#include <cmath>
#include <cstring>

using namespace nibble;

namespace {

matrix<float> waves(std::size_t rows, std::size_t columns) {
    matrix<float> x(rows, columns);
    for (std::size_t i = 0; i < rows * columns; ++i) {
        x.data()[i] = std::sin(static_cast<float>(i));
    }
    return x;
}

bool same_bits(matrix<float> const& a, matrix<float> const& b) {
    return std::memcmp(a.data(), b.data(), a.rows() * a.columns() * sizeof(float)) == 0;
}

}  // namespace

TEST_CASE("a kind of activations chosen by its word is the one of the type", "[nn]") {
    auto const w = repack(cpu{}, quantize<int4_g32>(cpu{}, waves(20, 64)));
    auto const x = waves(3, 64);
    matrix<float> y(3, 20);
    linear(cpu{}, parse_activation_kind("f32"), x, w, y);
    CHECK(same_bits(y, gemm<f32_activations>(cpu{}, x, w)));
    linear(cpu{}, parse_activation_kind("bf16"), x, w, y);
    CHECK(same_bits(y, gemm<bf16_activations>(cpu{}, x, w)));
    linear(cpu{}, parse_activation_kind("int8"), x, w, y);
    CHECK(same_bits(y, gemm<int8_activations>(cpu{}, x, w)));
    CHECK(name_of(activation_kind::bf16) == "bf16");
    CHECK_THROWS_AS(parse_activation_kind("int4"), error);
}

TEST_CASE("an embedding is the decoded row times the scale, and refuses ids that it has no row for", "[nn]") {
    auto const packed = quantize<int8_channel>(cpu{}, waves(9, 40));
    auto const table = repack(cpu{}, packed);
    std::uint32_t const ids[]{8, 0, 8};
    matrix<float> h(3, 40);
    embed(cpu{}, ids, table, 2.5f, h);
    for (std::size_t t = 0; t < 3; ++t) {
        for (std::size_t c = 0; c < 40; ++c) {
            CHECK(h(t, c) == packed.decode(ids[t], c) * 2.5f);
        }
    }
    std::uint32_t const beyond[]{1, 9, 0};
    auto const before = h;
    CHECK_THROWS_AS(embed(cpu{}, beyond, table, 1.0f, h), error);
    CHECK(same_bits(h, before));
}
