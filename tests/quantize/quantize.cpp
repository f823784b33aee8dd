// SPDX-License-Identifier: Apache-2.0
#include <nibble/quantize/quantize.hpp>
#include <nibble/tensor/thread_pool.hpp>

#include <catch2/catch_template_test_macros.hpp>
#include <catch2/matchers/catch_matchers.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <cstring>
#include <limits>
#include <random>
#include <span>
#include <support/factors.hpp>
#include <support/schemes.hpp>
#include <tuple>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>  // _mm_getcsr
#endif

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

/// With a key where the scheme needs one.
template <class S>
packed_tensor<storage_of<S>> quantized(cpu backend, matrix_view<float const> x, random_key key = {7, 8, 9}) {
    if constexpr (rounds_at_random<S>) {
        return quantize<S>(backend, x, key);
    } else {
        return quantize<S>(backend, x);
    }
}

template <class S>
matrix<float> fake_quantized(cpu backend, matrix_view<float const> x, random_key key = {7, 8, 9}) {
    if constexpr (rounds_at_random<S>) {
        return fake_quantize<S>(backend, x, key);
    } else {
        return fake_quantize<S>(backend, x);
    }
}

template <class S>
constexpr bool rounds_to_nearest =
    std::same_as<typename S::rounding, round_to_nearest_even> ||
    std::same_as<typename S::rounding, round_to_nearest_away> || std::same_as<typename S::rounding, round_half_up> ||
    std::same_as<typename S::rounding, round_half_down> || std::same_as<typename S::rounding, round_half_to_zero> ||
    std::same_as<typename S::rounding, round_half_odd>;

/// Whether codes are of the stored scale, and that is one for the extremes: other rules clip where the error gets less.
template <class S>
constexpr bool fits_extremes =
    std::same_as<typename S::codes_from, codes_from_stored> && !value_rule<typename S::scale_rule, S>;

/// Whether the rule may leave an extreme of a group outside the range, by one step at most.
template <class S>
constexpr bool clips =
    std::same_as<typename S::scale_rule, absmax_over_half_range> ||
    std::same_as<typename S::scale_rule, absmax_over_qmin> ||
    std::same_as<typename S::scale_rule, power_of_two_of_binade> ||
    (std::same_as<typename S::scale_rule, signed_extreme> && !std::same_as<typename S::range, narrow_range>);

/// The widest step between neighbouring values, in units of the scale.
template <class S>
constexpr float widest_step = [] {
    float widest = 0;
    for (int i = S::qmin; i < S::qmax; ++i) {
        widest = std::max(widest, S::grid::level(S::grid::code(i + 1)) - S::grid::level(S::grid::code(i)));
    }
    return widest;
}();

template <class S>
constexpr std::size_t columns_of = std::same_as<typename S::tail, reject_tail> ? whole_blocks<storage_of<S>>(96) : 150;

}  // namespace

TEMPLATE_LIST_TEST_CASE("fake_quantize equals dequantize of quantize bit for bit", "[quantize]", all_schemes) {
    auto const x = sample(columns_of<TestType>);
    CHECK(same_bits(fake_quantized<TestType>(cpu{}, x), dequantize(cpu{}, quantized<TestType>(cpu{}, x))));
}

TEMPLATE_LIST_TEST_CASE("P19: the packed tensor does not depend on the number of threads", "[quantize]", all_schemes) {
    auto const x = sample(columns_of<TestType>);
    thread_pool pool(3);
    CHECK(quantized<TestType>(cpu{}, x) == quantized<TestType>(cpu{pool}, x));
}

TEMPLATE_LIST_TEST_CASE("P10: a symmetric scheme is within half a step, or a whole one where it clips or is directed",
                        "[quantize]", all_schemes) {
    using S = TestType;
    if constexpr (S::is_symmetric && fits_extremes<S>) {
        auto const x = sample(columns_of<S>);
        auto const packed = quantized<S>(cpu{}, x);
        double const steps = (rounds_to_nearest<S> && !clips<S> ? 0.5 : 1.0) * widest_step<S>;
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
    if constexpr (!S::is_symmetric && fits_extremes<S>) {
        auto const x = sample(columns_of<S>);
        auto const packed = quantized<S>(cpu{}, x);
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
        auto x = sample(whole_blocks<storage_of<TestType>>(96));
        x(6, 41) = bad;
        CHECK_THROWS_WITH(quantized<TestType>(cpu{}, x), ContainsSubstring("element [6, 41]"));
        CHECK_THROWS_WITH(fake_quantized<TestType>(cpu{}, x), ContainsSubstring("element [6, 41]"));
    }
}

TEMPLATE_LIST_TEST_CASE("P7: an all-zero group decodes to zeros, +0 under canonical_zero", "[quantize]", all_schemes) {
    matrix<float> const x(2, whole_blocks<storage_of<TestType>>(96));
    auto const packed = quantized<TestType>(cpu{}, x);
    for (std::size_t column = 0; column < x.columns(); ++column) {
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
        matrix<float> x(1, whole_blocks<storage_of<TestType>>(96));
        for (std::size_t i = 0; i < x.columns(); ++i) {
            x(0, i) = size * (i % 3 == 0 ? -1.0f : static_cast<float>(i % 5) / 4.0f);
        }
        try {
            auto const result = fake_quantized<TestType>(cpu{}, x);
            for (std::size_t i = 0; i < x.columns(); ++i) {
                REQUIRE(std::isfinite(result(0, i)));
            }
        } catch (error const& e) {
            CHECK_THAT(e.what(), ContainsSubstring("beyond the range"));
            CHECK(size > (std::same_as<typename TestType::scale_type, e4m3> ? e4m3::largest : 65504.0f));
        }
    }
}

TEMPLATE_LIST_TEST_CASE("P16: a short last group has the codes of a row padded with zeros", "[quantize]", all_schemes) {
    using S = TestType;
    if constexpr (S::storage::group != 0 && S::is_symmetric && std::same_as<typename S::tail, short_group> &&
                  !rounds_at_random<S>) {
        std::size_t const columns = 2 * S::storage::group - 5;
        auto const x = sample(columns);
        matrix<float> padded(x.rows(), 2 * S::storage::group);
        for (std::size_t row = 0; row < x.rows(); ++row) {
            std::copy(x.row(row).begin(), x.row(row).end(), padded.row(row).begin());
        }
        auto const a = quantized<S>(cpu{}, x);
        auto const b = quantized<S>(cpu{}, padded);
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
    auto const packed = quantize<q4_0>(cpu{}, x, {.statistics = &counted});
    CHECK(counted.underflowed_groups == 1);
    CHECK(packed.decode(0, 3) == 0.0f);
}

TEMPLATE_LIST_TEST_CASE("P5: on request NaN becomes the code of zero, infinities the outermost codes", "[quantize]",
                        all_schemes) {
    using S = TestType;
    constexpr std::size_t columns = S::storage::group == 0 ? 40 : 2 * S::storage::block;
    matrix<float> finite(3, columns);
    for (std::size_t i = 0; i < 3 * columns; ++i) {
        finite.data()[i] = std::sin(static_cast<float>(i) + 0.5f);
    }
    auto const at = [](std::size_t row) { return row * 7 % columns; };
    auto x = finite;
    constexpr float infinity = std::numeric_limits<float>::infinity();
    x(0, at(0)) = std::numeric_limits<float>::quiet_NaN();
    x(1, at(1)) = infinity;
    x(2, at(2)) = -infinity;
    quantize_statistics counted;
    quantize_options const replace{.replace_nonfinite = true, .statistics = &counted};
    auto const [packed, seen] = [&] {
        if constexpr (rounds_at_random<S>) {
            return std::pair(quantize<S>(cpu{}, x, random_key{1, 2, 3}, replace),
                             fake_quantize<S>(cpu{}, x, random_key{1, 2, 3}, replace));
        } else {
            return std::pair(quantize<S>(cpu{}, x, replace), fake_quantize<S>(cpu{}, x, replace));
        }
    }();
    CHECK(counted.replaced_values == 3);
    CHECK(same_bits(seen, dequantize(cpu{}, packed)));
    // The scales are those of the finite values: of a copy with one of them in place of each that is not.
    for (std::size_t row = 0; row < 3; ++row) {
        std::size_t const group = packed_layout<storage_of<S>>::group_of(at(row));
        std::size_t const first = S::storage::group == 0 ? 0 : group * S::storage::group;
        finite(row, at(row)) = finite(row, at(row) == first ? first + 1 : first);
    }
    auto const expected = quantized<S>(cpu{}, finite);
    for (std::size_t row = 0; row < 3; ++row) {
        for (std::size_t g = 0; g < packed.groups(); ++g) {
            CHECK(packed.scale(row, g) == expected.scale(row, g));
            CHECK(packed.zero(row, g) == expected.zero(row, g));
        }
    }
    std::size_t const group = packed_layout<storage_of<S>>::group_of(at(0));
    bool const negative_scale = static_cast<float>(packed.scale(1, packed_layout<storage_of<S>>::group_of(at(1)))) < 0;
    bool const negative_below = static_cast<float>(packed.scale(2, packed_layout<storage_of<S>>::group_of(at(2)))) < 0;
    CHECK(packed.code(1, at(1)) == S::grid::code(negative_scale ? S::qmin : S::qmax));
    CHECK(packed.code(2, at(2)) == S::grid::code(negative_below ? S::qmax : S::qmin));
    if constexpr (std::same_as<typename S::symmetry, asymmetric>) {
        CHECK(packed.code(0, at(0)) == packed.zero(0, group));
    } else if constexpr (S::is_symmetric) {
        float const level = S::grid::level(packed.code(0, at(0)));  // the least there is, of both signs with mid_rise
        CHECK(std::fabs(level) == std::fabs(S::grid::level(S::grid::code(0))));
    } else {
        float const distance = std::fabs(packed.decode(0, at(0)));  // of the code nearest to zero, in range here
        CHECK(distance <= static_cast<float>(packed.scale(0, group)));
    }
    CHECK(quantized<S>(cpu{}, finite) == [&] {
        if constexpr (rounds_at_random<S>) {
            return quantize<S>(cpu{}, finite, random_key{7, 8, 9}, replace);
        } else {
            return quantize<S>(cpu{}, finite, replace);
        }
    }());
    CHECK(counted.replaced_values == 0);
}

#if defined(__x86_64__)
TEMPLATE_LIST_TEST_CASE("P9: codes, scales and values do not depend on how the thread treats subnormals", "[quantize]",
                        all_schemes) {
    if constexpr (!rounds_at_random<TestType> && !std::same_as<typename TestType::scale_type, f16>) {
        matrix<float> x(2, TestType::storage::group == 0 ? 50 : 2 * TestType::storage::block);
        for (std::size_t i = 0; i < x.rows() * x.columns(); ++i) {
            x.data()[i] = std::sin(static_cast<float>(i)) * 3e-39f;
        }
        auto const packed = quantize<TestType>(cpu{}, x);
        auto const values = dequantize(cpu{}, packed);
        unsigned const before = _mm_getcsr();
        _mm_setcsr(before | 0x8040u);  // flush to zero, denormals are zero
        auto const flushed = quantize<TestType>(cpu{}, x);
        auto const flushed_values = dequantize(cpu{}, flushed);
        auto const seen = fake_quantize<TestType>(cpu{}, x);
        _mm_setcsr(before);
        CHECK(flushed == packed);
        CHECK(same_bits(flushed_values, values));
        CHECK(same_bits(seen, values));
    }
}
#endif

TEST_CASE("P15: matrices without elements quantize to tensors without elements", "[quantize]") {
    CHECK(quantize<int4_g32>(cpu{}, matrix<float>(0, 7)).rows() == 0);
    CHECK(dequantize(cpu{}, quantize<int8_channel>(cpu{}, matrix<float>(3, 0))).rows() == 3);
}

using random_schemes = std::tuple<scheme<bits<4>, per_group<32>, stochastic<>>, scheme<bits<8>, stochastic<8>>,
                                  scheme<bits<3>, asymmetric_offset, per_group<24>, stochastic<32>>,
                                  scheme<bits<6>, per_tensor, stochastic<16>>>;

TEMPLATE_LIST_TEST_CASE("P21: random codes depend on seed, step, tensor and element, not on threads", "[quantize]",
                        random_schemes) {
    auto const x = sample(150);
    random_key const key{1, 2, 3};
    auto const one = quantize<TestType>(cpu{}, x, key);
    for (unsigned threads = 1; threads <= 8; ++threads) {
        thread_pool pool(threads);
        CHECK(quantize<TestType>(cpu{pool}, x, key) == one);
        CHECK(same_bits(fake_quantize<TestType>(cpu{pool}, x, key), dequantize(cpu{}, one)));
    }
    CHECK(quantize<TestType>(cpu{}, x, {2, 2, 3}) != one);
    CHECK(quantize<TestType>(cpu{}, x, {1, 3, 3}) != one);
    CHECK(quantize<TestType>(cpu{}, x, {1, 2, 4}) != one);
    CHECK(quantize<TestType>(cpu{}, x, key, {.first_row = 1}) != one);
}

TEMPLATE_LIST_TEST_CASE("P21: rows quantized a few at a time have the random codes of the whole matrix", "[quantize]",
                        random_schemes) {
    if constexpr (!std::same_as<typename TestType::granularity, per_tensor>) {
        auto const x = sample(150);
        random_key const key{1, 2, 3};
        auto const whole = fake_quantize<TestType>(cpu{}, x, key);
        for (std::size_t first = 0; first < x.rows(); first += 3) {
            matrix_view<float const> const some(x.row(first).data(), std::min<std::size_t>(3, x.rows() - first), 150);
            auto const part = fake_quantize<TestType>(cpu{}, some, key, {.first_row = first});
            CHECK(std::memcmp(part.data(), whole.row(first).data(), part.rows() * 150 * sizeof(float)) == 0);
        }
    }
}

TEST_CASE("a random code is that of the element's own random bits", "[quantize]") {
    using S = scheme<bits<8>, per_group<32>, scale_as<float>, stochastic<16>>;
    auto const x = sample(150);
    random_key const key{1, 2, 3};
    auto const packed = quantize<S>(cpu{}, x, key, {.first_row = 5});
    for (std::size_t row = 0; row < x.rows(); ++row) {
        for (std::size_t column = 0; column < 150; ++column) {
            group_parameters<S> p;
            p.step = packed.scale(row, column / 32);
            auto const random = random_bits(key, (5 + row) * 150 + column);
            REQUIRE(packed.code(row, column) == encode<S>(x(row, column), p, random));
        }
    }
}

TEMPLATE_LIST_TEST_CASE("the codes of a group are those of its values one by one, whatever its length and scale",
                        "[quantize]", all_schemes) {
    using S = TestType;
    std::mt19937 random(11);
    std::normal_distribution<float> normal;
    for (int const exponent : {-146, -130, -126, -40, 0, 14, 40, 125, 126}) {
        std::size_t const most = S::storage::group == 0 ? 69 : std::min<std::size_t>(69, S::storage::group);
        for (std::size_t count = 1; count <= most; ++count) {
            std::vector<float> x(count);
            std::vector<std::uint32_t> words(count);
            for (std::size_t i = 0; i < count; ++i) {
                x[i] = std::ldexp(std::clamp(normal(random), -3.9f, 3.9f), exponent);
                words[i] = static_cast<std::uint32_t>(random());
            }
            group_parameters<S> p;
            try {
                detail::fit_block<S>([&](std::size_t) { return group_values{x, {}}; }, std::span(&p, 1), false, {});
            } catch (error const&) {
                continue;  // beyond the range of the scale's type
            }
            std::vector<std::uint8_t> codes(count);
            if constexpr (rounds_at_random<S>) {
                encode<S>(x, p, codes.data(), words.data());
            } else {
                encode<S>(x, p, codes.data());
            }
            for (std::size_t i = 0; i < count; ++i) {
                if constexpr (rounds_at_random<S>) {
                    REQUIRE(codes[i] == encode<S>(x[i], p, words[i]));
                } else {
                    REQUIRE(codes[i] == encode<S>(x[i], p));
                }
            }
        }
    }
}

TEST_CASE("a range has the first of equal values, seen in the signs of zeros and of extremes", "[quantize]") {
    std::mt19937 random(3);
    float const values[] = {0.0f, -0.0f, 2.0f, -2.0f, 1.5f, -1.5f};
    for (int trial = 0; trial < 20000; ++trial) {
        std::vector<float> x(1 + random() % 50);
        std::size_t const kinds = 1 + random() % 6;
        std::size_t const first = random() % (7 - kinds);
        for (float& v : x) {
            v = values[first + random() % kinds];
        }
        group_range expected{x[0], x[0], 0.0f};
        for (float const v : x) {
            expected.min = v < expected.min ? v : expected.min;
            expected.max = v > expected.max ? v : expected.max;
            expected.extreme = std::fabs(v) > std::fabs(expected.extreme) ? v : expected.extreme;
        }
        auto const r = detail::range_of(x);
        REQUIRE(std::memcmp(&r, &expected, sizeof r) == 0);
    }
}
