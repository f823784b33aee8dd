// SPDX-License-Identifier: Apache-2.0
#include <nibble/quantize/quantize.hpp>
#include <nibble/scheme/foreign.hpp>
#include <nibble/scheme/parse.hpp>

#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <random>
#include <tuple>
#include <vector>

using namespace nibble;

namespace {

/// Every preset, and every policy of theirs.
using foreign_schemes = std::tuple<
    torchao_int4_g128, torchao_int4<bf16, 128>, torchao_int4<f16, 128>, torchao_8da4w, torchao_int4_prepared<bf16, 32>,
    torchao_int4_prepared<f16, 32>, torchao_8da4w_tokens, torchao_8da4w_tokens_of<bf16>, torchao_8da4w_tokens_of<f16>,
    torchao_8da4w_tokens_legacy<bf16>, tinygemm_int4, tinygemm<float, 32>, tinygemm<f16, 32, at_least_smallest_normal>,
    torchao_int4_row<128>, mlx_affine<4, 64>, mlx_affine<3, 32, bf16>, mlx_affine<8, 64, f16>, compressed_tensors_int4,
    compressed_tensors<4, 32, bf16>, compressed_tensors<8, 32, f16>, compressed_tensors_int4_asymmetric,
    compressed_tensors_asymmetric<4, 32, bf16>, compressed_tensors_asymmetric<4, 32, f16>, gptq_sym,
    gptq_asymmetric<4, 32>, bitnet_b158, bitnet_b158_tokens, bitsandbytes_nf4<64>, torchao_mxfp4, torchao_mxfp4_even,
    torchao_mxfp4_ceil, torchao_mxfp4_rceil, torchao_nvfp4, torchao_nvfp4_block, ggml_mxfp4, ggml_nvfp4, ggml_iq4_nl>;

/// Four rows of two blocks, values near `size`.
template <class S>
matrix<float> sample(float size) {
    constexpr std::size_t block = storage_of<S>::block;
    std::mt19937 random(7);
    std::uniform_real_distribution<float> uniform(-1.0f, 1.0f);
    matrix<float> x(4, block == 0 ? 96 : 2 * block);
    for (std::size_t i = 0; i < x.rows() * x.columns(); ++i) {
        x.data()[i] = uniform(random) * size;
    }
    return x;
}

}  // namespace

TEMPLATE_LIST_TEST_CASE("the name of a foreign scheme parses back to its value", "[scheme]", foreign_schemes) {
    CHECK(parse_scheme(name<TestType>()) == TestType::info);
}

TEMPLATE_LIST_TEST_CASE("fake_quantize of a foreign scheme equals dequantize of quantize", "[scheme]",
                        foreign_schemes) {
    auto const x = sample<TestType>(0.1f);
    CHECK(fake_quantize<TestType>(cpu{}, x) == dequantize(cpu{}, quantize<TestType>(cpu{}, x)));
}

TEMPLATE_LIST_TEST_CASE("finite values of any size are finite values under a foreign scheme, or an error", "[scheme]",
                        foreign_schemes) {
    constexpr float tiny = std::numeric_limits<float>::denorm_min();
    for (float const size : {0.0f, tiny, 1e-44f, 1e-40f, 1e-38f, 1e-30f, 1e-8f, 1.0f, 1e4f, 1e30f, 3e38f}) {
        CAPTURE(size);
        try {
            auto const values = fake_quantize<TestType>(cpu{}, sample<TestType>(size));
            for (std::size_t i = 0; i < values.rows() * values.columns(); ++i) {
                REQUIRE(std::isfinite(values.data()[i]));
            }
        } catch (error const&) {
            CHECK(size >= 1e4f);
        }
    }
}

TEMPLATE_LIST_TEST_CASE("a foreign scheme chooses the codes of a group value by value", "[scheme]", foreign_schemes) {
    using S = TestType;
    auto const x = sample<S>(0.3f);
    std::size_t const count = storage_of<S>::group == 0 ? x.columns() : storage_of<S>::group;
    auto const values = x.row(0).first(count);
    group_parameters<S> p;
    detail::fit_block<S>([&](std::size_t) { return group_values{values, {}}; }, std::span(&p, 1), false, {});
    std::vector<std::uint8_t> codes(count);
    encode<S>(values, p, codes.data());
    for (std::size_t i = 0; i < count; ++i) {
        REQUIRE(codes[i] == encode<S>(values[i], p));
    }
}
