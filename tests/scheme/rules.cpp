// SPDX-License-Identifier: Apache-2.0
#include <nibble/scheme/rules.hpp>
#include <nibble/tensor/thread_pool.hpp>

#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <tuple>
#include <vector>

#include "rules/rule_data.hpp"

using namespace nibble;
using Catch::Matchers::ContainsSubstring;

namespace {

/// Every rule in every kind of scheme it serves.
using by_value = std::tuple<
    scheme<bits<4>, per_group<32>, mean_times<1, 3>>, scheme<ternary, per_tensor, mean_times<1>, scale_as<float>>,
    scheme<bits<4>, per_block<4, 32>, rms_times<1, 3>>, scheme<bits<8>, per_token, percentile<999, 1000>>,
    scheme<bits<4>, per_group<32>, least_error>, scheme<bits<3>, asymmetric, per_group<48>, least_error>,
    scheme<bits<4>, asymmetric_offset, per_block<4, 32>, least_error>, scheme<nf4, per_group<64>, least_error>,
    scheme<bits<2>, mid_rise, per_group<32>, stochastic<16>, least_error>,
    scheme<bits<4>, per_group<32>, scale_as<q4_k::scale_type>, least_error>,
    scheme<e2m1, per_group<16>, scale_as<nvfp4::scale_type>, least_error>,
    scheme<bits<4>, asymmetric_offset, per_group<64>, hqq>, scheme<bits<4>, asymmetric_middle, per_channel, hqq>,
    scheme<bits<4>, asymmetric_offset, per_group<32>, scale_as<q4_k::scale_type>, hqq>,
    scheme<bits<4>, per_group<32>, codes_from_unrounded, reciprocal, least_squares>,
    scheme<bits<3>, per_group<16>, scale_as<q3_k::scale_type>, least_squares>,
    scheme<bits<4>, asymmetric_offset, per_group<32>, scale_as<q4_k::scale_type>, least_squares>,
    scheme<bits<4>, asymmetric, zero_before_rounding, per_tensor, least_squares>,
    scheme<bits<8>, asymmetric_middle, per_block<2, 48>, scale_as<float>, least_squares>>;

template <class S>
matrix<float> fake_quantized(cpu backend, matrix<float> const& x, quantize_options const& options = {}) {
    if constexpr (rounds_at_random<S>) {
        return fake_quantize<S>(backend, x, random_key{1, 2, 3}, options);
    } else {
        return fake_quantize<S>(backend, x, options);
    }
}

template <class S>
packed_tensor<storage_of<S>> quantized(cpu backend, matrix<float> const& x, quantize_options const& options = {}) {
    if constexpr (rounds_at_random<S>) {
        return quantize<S>(backend, x, random_key{1, 2, 3}, options);
    } else {
        return quantize<S>(backend, x, options);
    }
}

bool same_bits(matrix<float> const& a, matrix<float> const& b) {
    return std::memcmp(a.data(), b.data(), a.rows() * a.columns() * sizeof(float)) == 0;
}

/// Twice the median magnitude, as a user would write it.
struct twice_the_median {
    using axis = nibble::axis::scale_rule;
    static constexpr char const* name = "twice_the_median";
    template <class S>
    static group_fit fit(group_values group) {
        std::vector<float> x(group.values.begin(), group.values.end());
        std::sort(x.begin(), x.end(), [](float a, float b) { return std::fabs(a) < std::fabs(b); });
        return {2 * std::fabs(x[x.size() / 2]) / S::high, 0};
    }
};

}  // namespace

TEMPLATE_LIST_TEST_CASE("fake_quantize is dequantize of quantize, with importance too, on any number of threads",
                        "[scheme]", by_value) {
    auto const x = values_of(shape::outliers, 10, 150);
    auto const importance = importance_of(150);
    thread_pool pool(3);
    for (quantize_options const& options : {quantize_options{}, quantize_options{.importance = importance}}) {
        auto const packed = quantized<TestType>(cpu{}, x, options);
        CHECK(same_bits(fake_quantized<TestType>(cpu{}, x, options), dequantize(cpu{}, packed)));
        CHECK(packed == quantized<TestType>(cpu{pool}, x, options));
    }
}

TEMPLATE_LIST_TEST_CASE("an all-zero group decodes to +0", "[scheme]", by_value) {
    matrix<float> const x(4, 96);
    auto const result = fake_quantized<TestType>(cpu{}, x);
    CHECK(same_bits(result, x));
}

TEMPLATE_LIST_TEST_CASE("a group of one value, positive or negative, is within two steps of it", "[scheme]", by_value) {
    using S = TestType;
    if constexpr (S::storage::rows == 1) {
        for (float const value : {3.0f, -3.0f}) {
            for (std::size_t const columns : {1u, 96u}) {
                matrix<float> x(1, columns);
                std::fill_n(x.data(), columns, value);
                auto const packed = quantized<S>(cpu{}, x);
                for (std::size_t i = 0; i < columns; ++i) {
                    float const step = std::fabs(static_cast<float>(packed.scale(0, packed.group_of(i))));
                    float const steps = std::same_as<typename S::scale_rule, mean_times<1, 3>> ||
                                                std::same_as<typename S::scale_rule, rms_times<1, 3>>
                                            ? 0.5f
                                            : 2.0f;
                    CHECK(std::fabs(packed.decode(0, i) - value) <= steps * step + 0.02f);
                }
            }
        }
    }
}

TEMPLATE_LIST_TEST_CASE("finite values of any size give a finite scale and origin", "[scheme]", by_value) {
    using S = TestType;
    float const tiny = std::numeric_limits<float>::denorm_min();
    float const most = std::numeric_limits<float>::max();
    for (float const size : {tiny, 3 * tiny, 1e-44f, 1e-38f, 1e-20f, 1.0f, 1e20f, most}) {
        for (float const weight : {0.0f, tiny, 1.0f, most}) {
            for (std::size_t const n : {1u, 2u, 31u, 64u}) {
                std::vector<float> x(n);
                for (std::size_t i = 0; i < n; ++i) {
                    x[i] = size * (i % 3 == 0 ? -1.0f : static_cast<float>(i % 5) / 4.0f);
                }
                std::vector<float> const importance(n, weight);
                auto const fit = S::scale_rule::template fit<S>({x, importance});
                REQUIRE(std::isfinite(fit.scale));
                REQUIRE(std::isfinite(fit.origin));
                REQUIRE((fit.scale != 0.0f || n == 1));
            }
        }
    }
}

TEMPLATE_LIST_TEST_CASE("any matrix gives finite values, or the error that a scale is beyond its type", "[scheme]",
                        by_value) {
    using S = TestType;
    float const most = std::numeric_limits<float>::max();
    for (float const size : {1e-45f, 1e-40f, 1e-38f, 1e-30f, 1e-8f, 1e4f, 1e30f, most}) {
        matrix<float> x(2, 96);
        for (std::size_t i = 0; i < 2 * 96; ++i) {
            x.data()[i] = size * (i % 3 == 0 ? -1.0f : static_cast<float>(i % 5) / 4.0f);
        }
        try {
            auto const result = fake_quantized<S>(cpu{}, x);
            for (std::size_t i = 0; i < 2 * 96; ++i) {
                REQUIRE(std::isfinite(result.data()[i]));
            }
        } catch (error const& e) {
            CHECK_THAT(e.what(), ContainsSubstring("beyond the range"));
            CHECK(size > 65504.0f);
        }
    }
}

TEST_CASE("the rules of least error pay under two-level scales too", "[scheme]") {
    using plain = scheme<bits<4>, asymmetric_offset, per_group<32>, scale_as<q4_k::scale_type>>;
    using squares = scheme<bits<4>, asymmetric_offset, per_group<32>, scale_as<q4_k::scale_type>, least_squares>;
    using signed_plain = scheme<bits<3>, signed_extreme, per_group<16>, scale_as<q3_k::scale_type>>;
    using signed_squares = scheme<bits<3>, per_group<16>, scale_as<q3_k::scale_type>, least_squares>;
    for (shape const which : all_shapes) {
        auto const x = values_of(which, 64, 512);
        CHECK(error_ratio<squares, plain>(x) < 1.0);
        CHECK(error_ratio<signed_squares, signed_plain>(x) < 1.0);
    }
}

TEST_CASE("a rule of a user's own is a struct with `fit`", "[scheme]") {
    using S = scheme<bits<4>, per_group<32>, twice_the_median, scale_as<float>>;
    static_assert(value_rule<twice_the_median, S>);
    auto const x = values_of(shape::normal, 4, 70);
    auto const packed = quantize<S>(cpu{}, x);
    CHECK(same_bits(fake_quantize<S>(cpu{}, x), dequantize(cpu{}, packed)));
    CHECK(packed.scale(1, 1) == twice_the_median::fit<S>({x.row(1).subspan(32, 32), {}}).scale);
    CHECK(S::info.scale_rule == "twice_the_median");
}
