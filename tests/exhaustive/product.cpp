// SPDX-License-Identifier: Apache-2.0
// The product of the axes that decoding reads, and that of the axes that choose codes, for integers of NIBBLE_BITS
// bits.
#include <gemm/check_parity.hpp>

#include <nibble/scheme/name.hpp>
#include <nibble/scheme/rules.hpp>

#include <catch2/catch_test_macros.hpp>

#include <cstdio>
#include <string>
#include <type_traits>

using namespace nibble;

namespace {

template <class... T>
struct policies {};

/// f(type_identity<scheme<Chosen..., one of each axis>>) for every choice that the library has a scheme for.
template <class... Chosen, class F>
void for_each_choice(F&& f) {
    f.template operator()<Chosen...>();
}
template <class... Chosen, class F, class... T, class... Axes>
void for_each_choice(F&& f, policies<T...>, Axes... axes) {
    (for_each_choice<Chosen..., T>(f, axes...), ...);
}

/// Whether a range goes with a symmetry and a width: mid-rise and narrow ranges are of signed codes, and one bit is
/// signed in a mid-rise range alone.
template <class Range, class Symmetry>
constexpr bool go_together = std::is_same_v<Symmetry, symmetric> ? NIBBLE_BITS > 1 || std::is_same_v<Range, mid_rise>
                                                                 : std::is_same_v<Range, full_range>;

struct totals {
    std::size_t schemes = 0;
    counts cases;
};

template <class S>
void add_parity(totals& sum, std::size_t stride) {
    INFO(name<S>());
    auto const count = check_parity<S>(sizeof(typename S::scale_type) == 1 ? 0 : 5, stride);
    CHECK(count.decoded > 0);
    ++sum.schemes;
    sum.cases.decoded += count.decoded;
    sum.cases.quantized += count.quantized;
}

void print(char const* what, totals const& sum) {
    std::printf("%d bits, %s: %zu schemes, %llu codes under a scale, %llu values quantized\n", NIBBLE_BITS, what,
                sum.schemes, static_cast<unsigned long long>(sum.cases.decoded),
                static_cast<unsigned long long>(sum.cases.quantized));
}

}  // namespace

TEST_CASE("every width under every range, symmetry, scale type and granularity", "[exhaustive]") {
    totals sum;
    for_each_choice(
        [&]<class Range, class Symmetry, class Scale, class Granularity>() {
            if constexpr (go_together<Range, Symmetry>) {
                constexpr std::size_t stride = sizeof(typename Scale::type) == 1 ? 1 : 1009;
                add_parity<scheme<bits<NIBBLE_BITS>, Range, Symmetry, Scale, Granularity>>(sum, stride);
            }
        },
        policies<full_range, narrow_range, mid_rise>{},
        policies<symmetric, asymmetric, asymmetric_offset, asymmetric_middle>{},
        policies<scale_as<float>, scale_as<bf16>, scale_as<f16>, scale_as<e4m3>>{},
        policies<per_channel, per_group<32>, per_block<4, 16>>{});
    print("storage", sum);
}

TEST_CASE("every width under every rounding, division and scale that codes are chosen by", "[exhaustive]") {
    totals sum;
    for_each_choice(
        [&]<class Symmetry, class Rounding, class CodesFrom, class Division>() {
            if constexpr (go_together<full_range, Symmetry>) {
                add_parity<scheme<bits<NIBBLE_BITS>, Symmetry, Rounding, CodesFrom, Division, per_group<32>>>(sum,
                                                                                                              1009);
            }
        },
        policies<symmetric, asymmetric, asymmetric_offset>{},
        policies<round_to_nearest_even, round_to_nearest_away, round_half_up, round_half_down, round_half_to_zero,
                 round_down, round_up, round_toward_zero, round_away_from_zero, stochastic<16>>{},
        policies<codes_from_stored, codes_from_unrounded>{}, policies<divide, reciprocal>{});
    print("choice of codes", sum);
}
