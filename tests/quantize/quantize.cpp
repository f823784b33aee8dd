// SPDX-License-Identifier: Apache-2.0
#include <nibble/quantize/quantize.hpp>

#include <catch2/catch_template_test_macros.hpp>
#include <catch2/matchers/catch_matchers.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <cmath>
#include <concepts>
#include <cstring>
#include <limits>
#include <random>
#include <support/schemes.hpp>

using namespace nibble;
using Catch::Matchers::ContainsSubstring;

namespace {

/// Rows of several magnitudes, one of zeros, one with an outlier, one of a single sign.
matrix<float> sample(std::size_t columns) {
    std::mt19937 random(7);
    std::normal_distribution<float> normal;
    matrix<float> x(8, columns);
    for (std::size_t row = 0; row < x.rows(); ++row) {
        for (float& v : x.row(row)) {
            v = normal(random) * std::ldexp(1.0f, static_cast<int>(row) - 4);
            v = row == 2 ? 0.0f : row == 5 ? std::fabs(v) + 1.0f : v;
        }
    }
    x(3, columns / 2) = -40.0f;
    return x;
}

bool same_bits(matrix<float> const& a, matrix<float> const& b) {
    return a.rows() == b.rows() && a.columns() == b.columns() &&
           std::memcmp(a.data(), b.data(), a.rows() * a.columns() * sizeof(float)) == 0;
}

template <class S>
constexpr bool rounds_to_nearest =
    std::same_as<typename S::rounding, round_to_nearest_even> ||
    std::same_as<typename S::rounding, round_to_nearest_away> || std::same_as<typename S::rounding, round_half_up>;

template <class S>
constexpr std::size_t columns_of = std::same_as<typename S::tail, reject_tail> ? 96 : 150;

}  // namespace

TEMPLATE_LIST_TEST_CASE("fake_quantize equals dequantize of quantize bit for bit", "[quantize]", all_schemes) {
    auto const x = sample(columns_of<TestType>);
    CHECK(same_bits(fake_quantize<TestType>(cpu{}, x), dequantize(cpu{}, quantize<TestType>(cpu{}, x))));
}

TEMPLATE_LIST_TEST_CASE("P19: the packed tensor does not depend on the number of threads", "[quantize]", all_schemes) {
    auto const x = sample(columns_of<TestType>);
    thread_pool pool(3);
    CHECK(quantize<TestType>(cpu{}, x) == quantize<TestType>(cpu{pool}, x));
}

TEMPLATE_LIST_TEST_CASE("P10: a symmetric scheme is within half a step, or a whole one where it clips or is directed",
                        "[quantize]", all_schemes) {
    using S = TestType;
    if constexpr (S::is_symmetric && std::same_as<typename S::codes_from, codes_from_stored>) {
        auto const x = sample(150);
        auto const packed = quantize<S>(cpu{}, x);
        bool const clips = std::same_as<typename S::scale_rule, absmax_over_half_range>;
        double const steps = rounds_to_nearest<S> && !clips ? 0.5 : 1.0;
        for (std::size_t row = 0; row < x.rows(); ++row) {
            for (std::size_t column = 0; column < x.columns(); ++column) {
                double const d = std::fabs(static_cast<float>(packed.scale(row, packed.group_of(column))));
                double const e = std::fabs(static_cast<double>(packed.decode(row, column)) - x(row, column));
                REQUIRE(e <= steps * d * (1 + 0x1p-10));
            }
        }
    }
}

TEMPLATE_LIST_TEST_CASE("an asymmetric scheme is within one step of the value", "[quantize]", all_schemes) {
    using S = TestType;
    if constexpr (!S::is_symmetric && std::same_as<typename S::codes_from, codes_from_stored>) {
        auto const x = sample(150);
        auto const packed = quantize<S>(cpu{}, x);
        double const steps = std::same_as<typename S::symmetry, asymmetric_offset> && rounds_to_nearest<S> ? 0.5 : 1.5;
        for (std::size_t row = 0; row < x.rows(); ++row) {
            for (std::size_t column = 0; column < x.columns(); ++column) {
                double const d = static_cast<float>(packed.scale(row, packed.group_of(column)));
                double const e = std::fabs(static_cast<double>(packed.decode(row, column)) - x(row, column));
                REQUIRE(e <= steps * d * (1 + 0x1p-6));
            }
        }
    }
}

TEMPLATE_LIST_TEST_CASE("P5: a value that is not finite is an error that names its index", "[quantize]", all_schemes) {
    for (float const bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
                            -std::numeric_limits<float>::infinity()}) {
        auto x = sample(96);
        x(6, 41) = bad;
        CHECK_THROWS_WITH(quantize<TestType>(cpu{}, x), ContainsSubstring("element [6, 41]"));
        CHECK_THROWS_WITH(fake_quantize<TestType>(cpu{}, x), ContainsSubstring("element [6, 41]"));
    }
}

TEMPLATE_LIST_TEST_CASE("P7: an all-zero group decodes to zeros, +0 under canonical_zero", "[quantize]", all_schemes) {
    matrix<float> const x(2, 96);
    auto const packed = quantize<TestType>(cpu{}, x);
    for (std::size_t column = 0; column < 96; ++column) {
        float const v = packed.decode(1, column);
        CHECK(v == 0.0f);
        if constexpr (std::same_as<typename TestType::zero_group, canonical_zero>) {
            CHECK(!std::signbit(v));
        }
    }
}

TEMPLATE_LIST_TEST_CASE("P8: finite values of any size give finite values, or the error of P9", "[quantize]",
                        all_schemes) {
    float const tiny = std::numeric_limits<float>::denorm_min();
    float const most = std::numeric_limits<float>::max();
    for (float const size : {tiny, 5 * tiny, 1e-44f, 1e-40f, 1e-38f, 1e-30f, 1e-8f, 1e4f, 1e30f, most}) {
        matrix<float> x(1, 96);
        for (std::size_t i = 0; i < 96; ++i) {
            x(0, i) = size * (i % 3 == 0 ? -1.0f : static_cast<float>(i % 5) / 4.0f);
        }
        try {
            auto const result = fake_quantize<TestType>(cpu{}, x);
            for (std::size_t i = 0; i < 96; ++i) {
                REQUIRE(std::isfinite(result(0, i)));
            }
        } catch (error const& e) {
            CHECK_THAT(e.what(), ContainsSubstring("beyond the range"));
            CHECK(size > 65504.0f);
        }
    }
}

TEMPLATE_LIST_TEST_CASE("P16: a short last group has the codes of a row padded with zeros", "[quantize]", all_schemes) {
    using S = TestType;
    if constexpr (S::storage::group != 0 && S::is_symmetric && std::same_as<typename S::tail, short_group>) {
        std::size_t const columns = 2 * S::storage::group - 5;
        auto const x = sample(columns);
        matrix<float> padded(x.rows(), 2 * S::storage::group);
        for (std::size_t row = 0; row < x.rows(); ++row) {
            std::copy(x.row(row).begin(), x.row(row).end(), padded.row(row).begin());
        }
        auto const a = quantize<S>(cpu{}, x);
        auto const b = quantize<S>(cpu{}, padded);
        for (std::size_t row = 0; row < x.rows(); ++row) {
            for (std::size_t column = 0; column < columns; ++column) {
                REQUIRE(a.code(row, column) == b.code(row, column));
                REQUIRE(a.decode(row, column) == b.decode(row, column));
            }
        }
    }
}

TEST_CASE("P9: a scale beyond its type is an error, one below it gives zeros and is counted", "[quantize]") {
    matrix<float> x(1, 32);
    x(0, 3) = 1e9f;
    CHECK_THROWS_WITH(quantize<q4_0>(cpu{}, x), ContainsSubstring("beyond the range of f16"));
    CHECK_THROWS_WITH((quantize<scheme<bits<4>, scale_as<f16>>>(cpu{}, x)),
                      ContainsSubstring("beyond the range of f16"));
    x(0, 3) = 1e-9f;
    quantize_statistics counted;
    auto const packed = quantize<q4_0>(cpu{}, x, &counted);
    CHECK(counted.underflowed_groups == 1);
    CHECK(packed.decode(0, 3) == 0.0f);
}

TEST_CASE("P15: matrices without elements quantize to tensors without elements", "[quantize]") {
    CHECK(quantize<int4_g32>(cpu{}, matrix<float>(0, 7)).rows() == 0);
    CHECK(dequantize(cpu{}, quantize<int8_channel>(cpu{}, matrix<float>(3, 0))).rows() == 3);
}
