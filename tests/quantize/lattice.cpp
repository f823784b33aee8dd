// SPDX-License-Identifier: Apache-2.0
#include <nibble/quantize/lattice.hpp>
#include <nibble/quantize/quantize.hpp>

#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstring>
#include <random>
#include <support/scale_patterns.hpp>
#include <support/schemes.hpp>
#include <tuple>
#include <utility>
#include <vector>

using namespace nibble;

namespace {

template <class... More>
using int4 = scheme<bits<4>, per_group<32>, More...>;

template <class S>
matrix<float> fake(matrix_view<float const> x) {
    if constexpr (rounds_at_random<S>) {
        return fake_quantize<S>(cpu{}, x, random_key{1, 2, 3});
    } else {
        return fake_quantize<S>(cpu{}, x);
    }
}

/// Rows of many sizes, some of whose scales are subnormal in f16: normal, skewed, heavy-tailed, far from zero.
template <class S>
matrix<float> groups() {
    constexpr float mean = S::is_symmetric ? 4.0f : 100000.0f;
    std::mt19937 random(5);
    std::normal_distribution<float> normal;
    matrix<float> x(300, 768);
    for (std::size_t row = 0; row < x.rows(); ++row) {
        float const size = std::ldexp(1.0f + static_cast<float>(row) / 300.0f, 2 * static_cast<int>(row % 12) - 26);
        for (float& v : x.row(row)) {
            float const n = normal(random);
            v = size * (row % 5 == 1 ? std::fabs(n) : row % 5 == 2 ? n * n * n : row % 5 == 3 ? 0.05f * n + mean : n);
        }
    }
    return x;
}

std::size_t changed(matrix<float> const& a, matrix<float> const& b) {
    std::size_t count = 0;
    for (std::size_t i = 0; i < a.rows() * a.columns(); ++i) {
        count += a.data()[i] != b.data()[i] ? 1u : 0u;
    }
    return count;
}

template <class A, class B>
void check_pair(matrix<float> const& of_a) {
    if constexpr (preserves<A, B>) {
        CAPTURE(A::info.format, B::info.format);
        CHECK(changed(of_a, fake<B>(of_a)) == 0);
    }
}

template <class A, std::size_t... I>
void check_pairs(matrix<float> const& x, std::index_sequence<I...>) {
    auto const of_a = fake<A>(x);
    (check_pair<A, std::tuple_element_t<I, all_schemes>>(of_a), ...);
}

}  // namespace

// Proved.
static_assert(idempotent<q4_0> && idempotent<q5_0> && idempotent<q8_0> && idempotent<tq2_0> && idempotent<mxfp4>);
static_assert(idempotent<int4_g32> && idempotent<int8_channel> && idempotent<nf4_g64>);
static_assert(idempotent<scheme<bits<4>, mid_rise>> && idempotent<scheme<e2m1, per_group<16>>>);
static_assert(preserves<int4<>, int4<narrow_range, scale_as<float>>> && preserves<int4<>, int4<stochastic<16>>>);
static_assert(preserves<mxfp4, scheme<bits<5>, narrow_range, per_group<32>, scale_as<e8m0>, power_of_two_above>>);
static_assert(preserves<scheme<ternary>, scheme<bits<2>, narrow_range, per_group<16>>>);  // parts of a ternary group
static_assert(preserves<scheme<ternary>, scheme<nf4, per_group<64>>>);

// Not so: the largest level does not come back as one, or not every level is there.
static_assert(!preserves<int4<scale_as<f16>>, q4_0> && !preserves<q4_0, int4<scale_as<f16>>>);
static_assert(!idempotent<int4<absmax_over_half_range>> && !idempotent<int4<absmax_over_qmin>>);
static_assert(!preserves<int4<>, scheme<bits<4>, per_group<16>>> && !preserves<int4<>, scheme<bits<4>, per_group<64>>>);
static_assert(!preserves<int4<>, scheme<bits<3>, per_group<32>>> && !preserves<int4<scale_as<float>>, int4<>>);
static_assert(!idempotent<int4<round_down>> && !idempotent<int4<stochastic<16>>> && !idempotent<int4<scale_as<f16>>>);
static_assert(!idempotent<int4<asymmetric>> && !idempotent<q4_k> && !idempotent<int4<at_least_epsilon>>);
static_assert(!preserves<scheme<ternary, per_group<32>>, int4<signed_extreme>>);  // 1 would be 8, beyond 7
static_assert(!preserves<int4<>, scheme<bits<4>, per_group<32>, scale_as<e8m0>, power_of_two_above>>);

TEMPLATE_LIST_TEST_CASE("what is said to preserve values does, on groups of every kind", "[lattice]", all_schemes) {
    check_pairs<TestType>(groups<TestType>(), std::make_index_sequence<std::tuple_size_v<all_schemes>>{});
}

TEMPLATE_LIST_TEST_CASE("an idempotent scheme reproduces all its levels under every scale", "[lattice]", all_schemes) {
    using S = TestType;
    if constexpr (idempotent<S> && S::storage::rows == 1) {
        std::vector<unsigned> codes;
        bool const anchored = detail::reaches_anchor<S>;
        float const most = anchored ? detail::magnitude(detail::anchor<S>) : S::high;
        for (int i = S::qmin; i <= S::qmax; ++i) {
            unsigned const code = S::grid::code(i);
            if (std::fabs(S::grid::level(code)) <= most) {
                codes.push_back(code);
            }
        }
        // The first value of a group is its extreme.
        unsigned const extreme = S::grid::code(anchored && detail::anchor<S> < 0 ? S::qmin : S::qmax);
        std::size_t const group = S::storage::group == 0 ? codes.size() + 1 : S::storage::group;
        std::size_t const k = (codes.size() + group - 2) / (group - 1) * group;
        std::size_t checked = 0;
        for (std::size_t i = 0; i < pattern_count<typename S::scale_type>(); ++i) {
            auto const scale = scale_pattern<typename S::scale_type>(i, 0);
            float const size = std::fabs(static_cast<float>(scale));
            bool const any_sign = std::same_as<typename S::scale_rule, signed_extreme>;
            if (!(size < 0x1p100f) || (size < 0x1p-126f && size != 0.0f) ||
                (!any_sign && static_cast<float>(scale) < 0)) {
                continue;
            }
            matrix<float> y(1, k);
            for (std::size_t c = 0; c < k; ++c) {
                std::size_t const next = (c / group * (group - 1) + c % group - 1) % codes.size();
                y(0, c) = S::storage::decode(c % group == 0 ? extreme : codes[next], scale, {});
            }
            if (changed(y, fake<S>(y)) != 0) {
                FAIL("scale " << static_cast<float>(scale) << " is not found again");
            }
            checked += codes.size();
        }
        CHECK(checked > 0);
    }
}

namespace {

/// Not proved idempotent, and yet nothing changes in these groups: 127 · s and 448 · s come back from their quotients,
/// the rounding of a bf16 scale hides what the sum with an offset loses, and few levels are apart enough for subnormal
/// scales.
template <class S>
constexpr bool holds_unproved = detail::is_one_of<
    S, int8_token, scheme<e4m3, per_channel, scale_as<float>>, scheme<bits<1>, asymmetric_offset, per_group<32>>,
    scheme<bits<4>, asymmetric_middle, per_block<3, 20>, zero_padded>, scheme<bits<2>, per_group<16>, scale_as<f16>>,
    scheme<e5m2, per_group<64>, scale_as<e4m3>>, scheme<ternary, per_tensor, no_clipping, round_away_from_zero>>;

}  // namespace

TEMPLATE_LIST_TEST_CASE("what is not said to be idempotent changes some value, with the exceptions above", "[lattice]",
                        all_schemes) {
    if constexpr (!idempotent<TestType> && detail::chooses_by_range<TestType>) {
        auto const once = fake<TestType>(groups<TestType>());
        CHECK((changed(once, fake<TestType>(once)) == 0) == holds_unproved<TestType>);
    }
}

TEST_CASE("schemes known at run time are looked up in a list", "[lattice]") {
    constexpr scheme_list<q4_0, int4_g32, mxfp4> list{};
    STATIC_REQUIRE(preserves_among(list, q4_0::info, q4_0::info));
    STATIC_REQUIRE(!preserves_among(list, int4_g32::info, q4_0::info));
    STATIC_REQUIRE(!preserves_among(list, q8_0::info, q8_0::info));  // not in the list
}
