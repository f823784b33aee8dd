// SPDX-License-Identifier: Apache-2.0
// What torchao makes of 19 rows of weights: tests/golden/make_torchao.py says which functions made it.
#include <nibble/scheme/foreign/torchao.hpp>

#include <catch2/catch_test_macros.hpp>

#include <cstddef>
#include <string>
#include <support/foreign.hpp>
#include <type_traits>

using namespace nibble;

namespace {

constexpr foreign_differences none;

template <class S, class T>
foreign_differences compare_symmetric(std::string const& preset, std::string const& type, std::size_t group) {
    golden_file const golden("torchao");
    return compare<S>(golden.find(preset, type, group), 8, decode_in<S, T>);
}

template <class S, class T>
foreign_differences compare_tokens(std::string const& preset, std::string const& type) {
    golden_file const golden("torchao");
    return compare<S>(golden.find(preset, type, 128), 128, decode_in<S, T>);
}

/// bf16(bf16((q − 8) · s) + o), q being unsigned: two roundings where decode has one.
constexpr auto tinygemm_value = [](unsigned code, bf16 scale, bf16 zero) {
    float const product = static_cast<float>(static_cast<int>(code) - 8) * static_cast<float>(scale);
    return static_cast<float>(bf16(static_cast<float>(bf16(product)) + static_cast<float>(zero)));
};

template <class S>
foreign_differences compare_tinygemm(std::string const& preset, std::string const& type, std::size_t group) {
    golden_file const golden("torchao");
    return compare<S>(golden.find(preset, type, group), 0, tinygemm_value);
}

/// Rows whose values differ from those of Int4WeightFakeQuantizer, R((q − 8) · s + o) with two roundings before R.
template <class T>
std::size_t differing_rows(std::string const& type) {
    using S = torchao_int4_row<128>;
    golden_file const golden("torchao");
    golden_case const& c = golden.find("torchao_bf16i4", type, 128);
    auto const packed = quantize<S>(cpu{}, c["x"].values());
    std::size_t count = 0;
    for (std::size_t row = 0; row < packed.rows(); ++row) {
        auto const sum = checksum_of_row(packed.columns(), [&](std::size_t column) {
            float const product = multiply(static_cast<float>(static_cast<int>(packed.code(row, column)) - 8),  //
                                           packed.scale(row, 0));
            return static_cast<float>(T(product + packed.zero(row, 0)));
        });
        count += sum != c["checksums"].at<std::uint64_t>(row) ? 1u : 0u;
    }
    return count;
}

}  // namespace

TEST_CASE("torchao_int4 has torchao's codes, scales and values, in the type of the weights", "[scheme]") {
    CHECK(compare_symmetric<torchao_int4_g128, float>("torchao_int4_g128", "f32", 128) == none);
    CHECK(compare_symmetric<torchao_int4<bf16, 128>, bf16>("torchao_int4_g128", "bf16", 128) == none);
    CHECK(compare_symmetric<torchao_int4<f16, 128>, f16>("torchao_int4_g128", "f16", 128) == none);
    CHECK(compare_symmetric<torchao_8da4w, float>("torchao_8da4w", "f32", 32) == none);
    CHECK(compare_symmetric<torchao_int4<bf16, 32>, bf16>("torchao_8da4w", "bf16", 32) == none);
}

TEST_CASE("torchao_int4_prepared has those of the model that is trained", "[scheme]") {
    CHECK(compare_symmetric<torchao_int4_prepared<bf16, 128>, bf16>("torchao_int4_g128_qat", "bf16", 128) == none);
    CHECK(compare_symmetric<torchao_int4_prepared<float, 32>, float>("torchao_8da4w_legacy", "f32", 32) == none);
    CHECK(compare_symmetric<torchao_int4_prepared<bf16, 32>, float>("torchao_8da4w_legacy", "bf16", 32) == none);
}

TEST_CASE("torchao_8da4w_tokens has torchao's codes, scales, zero points and values", "[scheme]") {
    CHECK(compare_tokens<torchao_8da4w_tokens, float>("torchao_8da4w_tokens", "f32") == none);
    CHECK(compare_tokens<torchao_8da4w_tokens_of<bf16>, bf16>("torchao_8da4w_tokens", "bf16") == none);
    CHECK(compare_tokens<torchao_8da4w_tokens_legacy<float>, float>("torchao_8da4w_tokens_legacy", "f32") == none);
    CHECK(compare_tokens<torchao_8da4w_tokens_legacy<bf16>, bf16>("torchao_8da4w_tokens_legacy", "bf16") == none);
}

TEST_CASE("tinygemm has torchao's codes, scales and zeros; its values are those of two roundings", "[scheme]") {
    CHECK(compare_tinygemm<tinygemm<float, 32>>("tinygemm_int4", "f32", 32) == none);
    CHECK(compare_tinygemm<tinygemm<float, 128>>("tinygemm_int4", "f32", 128) == none);
    CHECK(compare_tinygemm<tinygemm_int4>("tinygemm_int4", "bf16", 128) == none);
    CHECK(compare_tinygemm<tinygemm<bf16, 128, at_least_smallest_normal>>("tinygemm_int4_tiled", "bf16", 128) == none);
}

TEST_CASE("torchao_int4_row has the values of the fake quantizer for bf16 activations", "[scheme]") {
    CHECK(differing_rows<float>("f32") == 0);
    CHECK(differing_rows<bf16>("bf16") == 0);
}

TEST_CASE("the rows tell torchao's decisions from others", "[scheme]") {
    golden_file const golden("torchao");
    auto const codes = [&]<class S>(std::type_identity<S>, std::string const& type) {
        return compare<S>(golden.find("torchao_int4_g128", type, 128), 8, decode_in<S>).codes;
    };
    using divided = scheme<bits<4>, per_group<128>, scale_as<float>, absmax_over_half_range, at_least_smallest_normal>;
    using away = scheme<bits<4>, per_group<128>, scale_as<float>, absmax_over_half_range, at_least_smallest_normal,
                        reciprocal, round_to_nearest_away>;
    using in_f32 =
        scheme<bits<4>, per_group<128>, scale_as<bf16>, absmax_over_half_range, at_least_smallest_normal, reciprocal>;
    CHECK(codes(std::type_identity<divided>{}, "f32") == 27);
    CHECK(codes(std::type_identity<away>{}, "f32") == 93);
    CHECK(codes(std::type_identity<in_f32>{}, "bf16") == 72);
}
