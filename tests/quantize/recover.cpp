// SPDX-License-Identifier: Apache-2.0
#include <nibble/quantize/recover.hpp>

#include <nibble/scheme/presets.hpp>
#include <nibble/scheme/rules/least_error.hpp>
#include <nibble/tensor/thread_pool.hpp>

#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <random>
#include <tuple>
#include <utility>

using namespace nibble;

namespace {

constexpr stored_float stored_floats[] = {stored_float::f32, stored_float::f16, stored_float::bf16};

float rounded(float x, stored_float to) {
    return to == stored_float::f32   ? x
           : to == stored_float::f16 ? static_cast<float>(f16(x))
                                     : static_cast<float>(bf16(x));
}

matrix<float> rounded(matrix<float> x, stored_float to) {
    std::transform(x.data(), x.data() + x.rows() * x.columns(), x.data(), [&](float v) { return rounded(v, to); });
    return x;
}

enum class kind { normal, outliers, one_value, two_values, few_multiples, powers };

/// Weights of a layer, a row of zeros among them.
matrix<float> weights(kind what, std::size_t rows, std::size_t columns) {
    std::mt19937 random(static_cast<unsigned>(what) + 3);
    std::normal_distribution<float> normal;
    matrix<float> x(rows, columns);
    for (std::size_t row = 0; row < rows; ++row) {
        float const size = 0.02f * (1.0f + static_cast<float>(row) / 37.0f) * (row % 2 == 0 ? 1.0f : -1.0f);
        for (float& v : x.row(row)) {
            auto const draw = static_cast<float>(random() % 5);
            switch (what) {
            case kind::normal:
                v = size * normal(random);
                break;
            case kind::outliers:
                v = size * normal(random) * (random() % 50 == 0 ? 20.0f : 1.0f);
                break;
            case kind::one_value:
                v = draw < 1.0f ? size : 0.0f;
                break;
            case kind::two_values:
                v = draw < 1.0f ? size : draw < 2.0f ? -0.37f * size : 0.0f;
                break;
            case kind::few_multiples:
                v = (draw - 2.0f) * size;
                break;
            case kind::powers:
                v = std::ldexp(size, -static_cast<int>(draw));
                break;
            }
            v = row == 5 ? 0.0f : v;
        }
    }
    return x;
}

template <class S>
constexpr std::size_t columns_of = S::storage::group == 0                        ? 250
                                   : std::same_as<typename S::tail, reject_tail> ? 3 * S::storage::group
                                                                                 : 4 * S::storage::group - 5;

/// Every value of `a` equals that of `b`; zeros of either sign are equal.
bool same_values(matrix<float> const& a, matrix<float> const& b) {
    return std::equal(a.data(), a.data() + a.rows() * a.columns(), b.data());
}

/// Whether two scales can give one stored value: what is rounded to it is at most so much apart, relatively.
bool within_one_rounding(float a, float b, stored_float stored_as) {
    float const unit = stored_as == stored_float::bf16 ? 0x1p-7f : stored_as == stored_float::f16 ? 0x1p-10f : 0x1p-23f;
    return std::fabs(a - b) <= unit * std::fmax(std::fabs(a), std::fabs(b));
}

/// Schemes whose codes and scales x tells: presets, then every width with the scales, groups and zeros in turn.
using telling_schemes = std::tuple<
    q4_0, q4_1, q5_0, q5_1, q8_0, scheme<bits<6>, per_group<16>, signed_extreme, scale_as<float>>, int3_g64, int4_g32,
    int4_g128, int8_channel, int8_token, scheme<bits<2>, per_group<16>, scale_as<f16>>,
    scheme<ternary, per_group<64>, scale_as<f16>>, scheme<bits<4>, asymmetric, zero_padded, per_group<32>>,
    scheme<bits<3>, per_group<64>, narrow_range, scale_as<float>>,
    scheme<bits<4>, per_tensor, scale_as<f16>, signed_extreme>, scheme<bits<4>, per_group<32>, scale_as<f16>>,
    scheme<bits<5>, narrow_range, per_group<32>, scale_as<e8m0>, power_of_two_above>,
    scheme<bits<4>, per_group<16>, scale_as<float>, power_of_two_above>,
    scheme<bits<6>, per_channel, signed_extreme, scale_as<float>>, scheme<bits<7>, per_group<48>, scale_as<f16>>,
    scheme<bits<8>, per_group<128>, narrow_range, scale_as<e8m0>, power_of_two_above>,
    scheme<bits<1>, asymmetric_offset, per_group<32>>, scheme<bits<2>, asymmetric_offset, per_group<16>>,
    scheme<bits<3>, asymmetric_offset, per_channel, scale_as<float>>,
    scheme<bits<4>, asymmetric_offset, per_group<128>, scale_as<float>>, scheme<bits<2>, asymmetric, per_group<32>>,
    scheme<bits<3>, asymmetric, per_tensor, scale_as<float>>,
    scheme<bits<4>, asymmetric, per_group<32>, scale_as<f16>>>;

/// The same where it tells only as long as it is not rounded to bf16: 8-bit codes from 0 take 9 bits with their sign.
using telling_in_f16 = std::tuple<scheme<bits<6>, asymmetric, per_group<64>>,
                                  scheme<bits<8>, asymmetric_offset, per_group<32>, scale_as<float>>,
                                  scheme<bits<8>, asymmetric, per_group<64>, scale_as<f16>>>;

template <class S>
void check_own(kind what, stored_float stored_as) {
    CAPTURE(S::info, static_cast<int>(what), static_cast<int>(stored_as));
    auto const packed = quantize<S>(cpu{}, weights(what, 60, columns_of<S>));
    auto const x = rounded(dequantize(cpu{}, packed), stored_as);
    auto const found = recover<S>(cpu{}, x, {.stored_as = stored_as});
    REQUIRE(found.share() == 1.0);
    REQUIRE(same_values(rounded(dequantize(cpu{}, found.tensor), stored_as), x));
    for (std::size_t row = 0; row < x.rows(); ++row) {
        for (std::size_t column = 0; column < x.columns(); ++column) {
            REQUIRE(found.tensor.code(row, column) == packed.code(row, column));
        }
        for (std::size_t g = 0; g < packed.groups(); ++g) {
            auto const scale = static_cast<float>(packed.scale(row, g));
            auto const other = static_cast<float>(found.tensor.scale(row, g));
            if (stored_as == stored_float::f32 && !std::same_as<typename S::scale_type, float>) {
                REQUIRE(found.tensor.scale(row, g) == packed.scale(row, g));
                REQUIRE(found.tensor.zero(row, g) == packed.zero(row, g));
            } else {
                REQUIRE(within_one_rounding(other, scale, stored_as));
            }
        }
    }
}

}  // namespace

TEMPLATE_LIST_TEST_CASE("what S quantized is recovered: all codes, scales exact from f32 and else to one rounding",
                        "[quantize]", telling_schemes) {
    for (auto const stored_as : stored_floats) {
        for (auto const what :
             {kind::normal, kind::outliers, kind::one_value, kind::two_values, kind::few_multiples, kind::powers}) {
            check_own<TestType>(what, stored_as);
        }
    }
}

TEMPLATE_LIST_TEST_CASE("where bf16 does not tell codes apart, they are recovered from f32 and f16", "[quantize]",
                        telling_in_f16) {
    for (auto const stored_as : {stored_float::f32, stored_float::f16}) {
        for (auto const what : {kind::normal, kind::outliers}) {
            check_own<TestType>(what, stored_as);
        }
    }
}

TEMPLATE_LIST_TEST_CASE("weights that were not quantized are on no grid, and are quantized", "[quantize]",
                        telling_schemes) {
    using S = TestType;
    for (auto const stored_as : stored_floats) {
        auto x = weights(kind::normal, 60, columns_of<S>);
        std::copy(x.row(4).begin(), x.row(4).end(), x.row(5).begin());  // instead of zeros, which are on every grid
        x = rounded(std::move(x), stored_as);
        quantize_statistics counted;
        auto const found = recover<S>(cpu{}, x, {.stored_as = stored_as, .statistics = &counted});
        CHECK(found.recovered_groups() == 0);
        CHECK(found.tensor == quantize<S>(cpu{}, x));
        CHECK(counted.underflowed_groups == 0);
    }
}

TEST_CASE("of a million weights in groups of 32 none is taken for 4 bits stored as bf16; pairs often are",
          "[quantize]") {
    std::mt19937 random(1);
    std::normal_distribution<float> normal;
    matrix<float> x(1024, 1024);
    std::generate(x.data(), x.data() + x.rows() * x.columns(),
                  [&] { return static_cast<float>(bf16(normal(random))); });
    CHECK(recover<int4_g32>(cpu{}, x, {.stored_as = stored_float::bf16}).recovered_groups() == 0);
    CHECK(recover<scheme<bits<4>, per_group<2>>>(cpu{}, x, {.stored_as = stored_float::bf16}).share() > 0.02);
}

TEST_CASE("what a rule that looks at every value quantized is recovered", "[quantize]") {
    using S = scheme<bits<4>, per_group<32>, least_error>;
    auto const packed = quantize<S>(cpu{}, weights(kind::outliers, 60, 320));
    for (auto const stored_as : stored_floats) {
        auto const x = rounded(dequantize(cpu{}, packed), stored_as);
        auto const found = recover<S>(cpu{}, x, {.stored_as = stored_as});
        CHECK(found.share() == 1.0);
        CHECK(same_values(rounded(dequantize(cpu{}, found.tensor), stored_as), x));
    }
}

TEST_CASE("where a rule puts the extreme at two codes, groups that use many codes still tell which", "[quantize]") {
    using S = scheme<bits<4>, per_group<32>, absmax_over_half_range>;
    auto const packed = quantize<S>(cpu{}, weights(kind::normal, 60, 320));
    for (auto const stored_as : stored_floats) {
        auto const found = recover<S>(cpu{}, rounded(dequantize(cpu{}, packed), stored_as), {.stored_as = stored_as});
        CHECK(found.share() == 1.0);
        for (std::size_t i = 0; i < 60 * 320; ++i) {
            REQUIRE(found.tensor.code(i / 320, i % 320) == packed.code(i / 320, i % 320));
        }
    }
    // Of one value S makes -7 or -8 steps, as its scale was rounded; the values are the same.
    for (float original = -0.5f; original > -1.0f; original -= 0.01f) {
        matrix<float> w(1, 32);
        w(0, 3) = original;
        auto const x = dequantize(cpu{}, quantize<S>(cpu{}, w));
        auto const found = recover<S>(cpu{}, x);
        CHECK(found.share() == 1.0);
        CHECK(same_values(dequantize(cpu{}, found.tensor), x));
    }
}

TEST_CASE("a grid of codes -7 to 7 stored as bf16 goes into q4_0 without loss, where quantizing it again loses much",
          "[quantize]") {
    using trained = scheme<bits<4>, narrow_range, per_group<32>>;  // scales are bf16
    auto const w = weights(kind::normal, 64, 2048);
    auto const packed = quantize<trained>(cpu{}, w);
    auto const x = rounded(dequantize(cpu{}, packed), stored_float::bf16);
    auto const found = recover<q4_0>(cpu{}, x, {.stored_as = stored_float::bf16});
    CHECK(found.share() == 1.0);
    CHECK(same_values(rounded(dequantize(cpu{}, found.tensor), stored_float::bf16), x));
    for (std::size_t row = 0; row < x.rows(); ++row) {
        for (std::size_t g = 0; g < packed.groups(); ++g) {
            auto const scale = std::fabs(static_cast<float>(found.tensor.scale(row, g)));
            REQUIRE(within_one_rounding(scale, static_cast<float>(packed.scale(row, g)), stored_float::bf16));
        }
    }
    auto const again = dequantize(cpu{}, quantize<q4_0>(cpu{}, x));
    double trained_error = 0.0;
    double added_error = 0.0;
    for (std::size_t i = 0; i < x.rows() * x.columns(); ++i) {
        trained_error += std::pow(static_cast<double>(x.data()[i]) - w.data()[i], 2);
        added_error += std::pow(static_cast<double>(again.data()[i]) - x.data()[i], 2);
    }
    CHECK(std::sqrt(added_error / trained_error) > 0.8);  // 0.87 of weights without outliers
}

TEST_CASE("a scale that the scale's type does not hold is not recovered", "[quantize]") {
    using S = scheme<bits<4>, narrow_range, per_group<32>>;
    matrix<float> x = weights(kind::normal, 4, 320);
    std::transform(x.data(), x.data() + 4 * 320, x.data(), [](float v) { return v * 0x1p-24f; });
    auto const on_grid = dequantize(cpu{}, quantize<S>(cpu{}, x));
    CHECK(recover<S>(cpu{}, on_grid).share() == 1.0);
    quantize_statistics counted;
    CHECK(recover<q4_0>(cpu{}, on_grid, {.statistics = &counted}).recovered_groups() == 0);
    CHECK(counted.underflowed_groups == 40);
}

TEST_CASE("grids of other rules are recovered: any extreme code, either sign of the scale, either end as offset",
          "[quantize]") {
    std::mt19937 random(2);
    auto const draw = [&](int low, int high) {
        return low + static_cast<int>(random() % static_cast<unsigned>(high - low + 1));
    };
    for (auto const stored_as : stored_floats) {
        matrix<float> around_zero(64, 64);
        matrix<float> from_offset(64, 64);
        for (std::size_t row = 0; row < 64; ++row) {
            auto const scale = static_cast<float>(bf16(0.01f + 0.0003f * static_cast<float>(row)));
            auto const offset = static_cast<float>(bf16(-8.0f * scale));
            int const most = 2 + static_cast<int>(row % 6);
            bool const down = row % 2 != 0;
            for (std::size_t column = 0; column < 64; ++column) {
                int const code = column % 32 == 0 ? 0 : column % 32 == 1 ? 15 : draw(0, 15);
                around_zero(row, column) = static_cast<float>(draw(-most - 1, most)) * (down ? -scale : scale);
                from_offset(row, column) =
                    std::fma(static_cast<float>(code), down ? -scale : scale, down ? -offset : offset);
            }
        }
        recover_options const options{.stored_as = stored_as};
        around_zero = rounded(around_zero, stored_as);
        from_offset = rounded(from_offset, stored_as);
        auto const a = recover<q4_0>(cpu{}, around_zero, options);
        CHECK(a.share() == 1.0);
        CHECK(same_values(rounded(dequantize(cpu{}, a.tensor), stored_as), around_zero));
        auto const b = recover<scheme<bits<4>, per_group<32>>>(cpu{}, around_zero, options);
        CHECK(b.share() == 1.0);
        CHECK(same_values(rounded(dequantize(cpu{}, b.tensor), stored_as), around_zero));
        auto const c = recover<scheme<bits<4>, asymmetric, per_group<32>>>(cpu{}, around_zero, options);
        CHECK(c.share() == 1.0);
        CHECK(same_values(rounded(dequantize(cpu{}, c.tensor), stored_as), around_zero));
        auto const d = recover<q4_1>(cpu{}, from_offset, options);
        CHECK(d.share() == 1.0);
        CHECK(same_values(rounded(dequantize(cpu{}, d.tensor), stored_as), from_offset));
    }
}

TEST_CASE("one value moved by the least takes its group off the grid, and no other", "[quantize]") {
    auto x = dequantize(cpu{}, quantize<int4_g32>(cpu{}, weights(kind::normal, 4, 320)));
    x(2, 100) = std::nextafter(x(2, 100), 1.0f);
    auto const found = recover<int4_g32>(cpu{}, x);
    CHECK(found.groups() == 40);
    CHECK(found.recovered_groups() == 39);
    CHECK(found.on_grid[2 * 10 + 100 / 32] == 0);
    CHECK(found.share() == 39.0 / 40.0);
}

TEMPLATE_LIST_TEST_CASE("P19: what is recovered does not depend on the number of threads", "[quantize]",
                        telling_schemes) {
    auto x = rounded(dequantize(cpu{}, quantize<TestType>(cpu{}, weights(kind::normal, 60, columns_of<TestType>))),
                     stored_float::bf16);
    x(17, 8) += 0.001f;
    recover_options const options{.stored_as = stored_float::bf16};
    auto const one = recover<TestType>(cpu{}, x, options);
    for (std::size_t threads = 2; threads <= 4; ++threads) {
        thread_pool pool(threads);
        auto const found = recover<TestType>(cpu{pool}, x, options);
        CHECK(found.tensor == one.tensor);
        CHECK(found.on_grid == one.on_grid);
    }
}

TEMPLATE_LIST_TEST_CASE("finite values of any size give finite values, or the error of P9", "[quantize]",
                        telling_schemes) {
    float const tiny = std::numeric_limits<float>::denorm_min();
    float const most = std::numeric_limits<float>::max();
    for (float const size : {tiny, 5 * tiny, 1e-44f, 1e-40f, 1e-38f, 1e-30f, 1e-8f, 1e4f, 1e30f, 1e38f, most}) {
        matrix<float> x(1, 384);
        for (std::size_t i = 0; i < 384; ++i) {
            x(0, i) = size * (i % 3 == 0 ? -1.0f : static_cast<float>(i % 5) / 4.0f);
        }
        for (auto const stored_as : stored_floats) {
            try {
                auto const found = recover<TestType>(cpu{}, x, {.stored_as = stored_as});
                auto const values = dequantize(cpu{}, found.tensor);
                REQUIRE(std::all_of(values.data(), values.data() + 384, [](float v) { return std::isfinite(v); }));
                if (found.share() == 1.0) {
                    REQUIRE(same_values(rounded(values, stored_as), x));
                }
            } catch (error const& e) {
                CHECK_THAT(e.what(), Catch::Matchers::ContainsSubstring("beyond the range"));
                CHECK(size > 65504.0f);
            }
        }
    }
}

TEST_CASE("P5, P15: a value that is not finite is an error; a matrix without elements has no groups", "[quantize]") {
    auto x = weights(kind::normal, 8, 64);
    x(6, 41) = std::numeric_limits<float>::infinity();
    CHECK_THROWS_WITH(recover<q4_0>(cpu{}, x), Catch::Matchers::ContainsSubstring("element [6, 41]"));
    for (auto const& [rows, columns] : {std::pair<std::size_t, std::size_t>{0, 7}, {3, 0}}) {
        auto const found = recover<int4_g32>(cpu{}, matrix<float>(rows, columns));
        CHECK(found.groups() == 0);
        CHECK(found.share() == 1.0);
        CHECK(recover<scheme<bits<4>, per_tensor>>(cpu{}, matrix<float>(rows, columns)).groups() == 0);
    }
}
