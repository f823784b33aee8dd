// SPDX-License-Identifier: Apache-2.0
#include <nibble/numeric/float_bits.hpp>
#include <nibble/numeric/rounding.hpp>
#include <nibble/scheme/gradient_mask.hpp>

#include <catch2/catch_test_macros.hpp>

#include <cstdint>
#include <ratio>
#include <string>

using namespace nibble;

namespace {

constexpr int qmin = -8;
constexpr int qmax = 7;

/// The element whose value is v times a step of 1, in 4 bits.
constexpr quantized_element<float> at(float v) {
    float const rounded = round_to_nearest_even::round(v);
    float const level = rounded < qmin ? qmin : rounded > qmax ? qmax : rounded;
    return {.parameters = {.scale = 1, .step = 1, .zero_point = 0, .offset = 0},
            .value = v,
            .position = v,
            .level = level,
            .residual = level - v,
            .clamped = level != rounded,
            .low = qmin,
            .high = qmax};
}

/// The neighbour of x in f32 that is farther from zero, or nearer to it.
constexpr float outward(float x) { return detail::float_of(detail::bits_of(x) + 1u); }
constexpr float inward(float x) { return detail::float_of(detail::bits_of(x) - 1u); }

/// What a mask says at an edge and one ulp to either side of it.
struct around {
    bool inside;
    bool edge;
    bool outside;

    friend constexpr bool operator==(around const&, around const&) = default;
};

template <class Mask>
constexpr around around_edge(float v) {
    return {Mask::passes(at(inward(v))), Mask::passes(at(v)), Mask::passes(at(outward(v)))};
}

template <class Mask>
constexpr bool table(around lowest_half, around lowest, around highest, around highest_half) {
    return around_edge<Mask>(qmin - 0.5f) == lowest_half && around_edge<Mask>(qmin) == lowest &&
           around_edge<Mask>(qmax) == highest && around_edge<Mask>(qmax + 0.5f) == highest_half;
}

constexpr around all{true, true, true};
constexpr around none{false, false, false};
constexpr around to_edge{true, true, false};
constexpr around below_edge{true, false, false};

}  // namespace

// L12, at v = Qn − 1/2, Qn, Qp, Qp + 1/2 and their neighbours. −8.5 ties to −8, which is in use, and 7.5 to 8, which is
// not.
static_assert(table<pass_through>(all, all, all, all));
static_assert(table<clip_after_rounding>(to_edge, all, all, below_edge));
static_assert(table<clip_inclusive>(none, to_edge, to_edge, none));
static_assert(table<clip_strict>(none, below_edge, below_edge, none));
static_assert(table<within_bound<std::ratio<17, 2>>>(to_edge, all, all, all));
static_assert(table<within_bound<std::ratio<7>>>(none, none, to_edge, none));

// A bound is on the value, whatever the scale.
static_assert(within_bound<>::passes(at(2.0f)) && !within_bound<>::passes(at(outward(2.0f))));
static_assert(within_bound<>::passes(at(-2.0f)) && !within_bound<>::passes(at(outward(-2.0f))));

namespace {

template <class Mask>
void check_held() {
    INFO(Mask::name);
    for (float v = -12.0f; v <= 12.0f; v += 0.3125f) {
        auto const e = at(v);
        float const slope = (Mask::held(e, v + 0x1p-8f) - Mask::held(e, v - 0x1p-8f)) * 0x1p7f;
        REQUIRE(slope == (Mask::passes(e) ? 1.0f : 0.0f));
    }
}

}  // namespace

// −12 + k · 5/16 is at least 1/16 away from −8 and 7 for every integer k.
TEST_CASE("a position moves with the value where the mask passes and is held where it does not", "[scheme]") {
    check_held<pass_through>();
    check_held<clip_after_rounding>();
    check_held<clip_inclusive>();
    check_held<clip_strict>();
    check_held<within_bound<>>();
}

TEST_CASE("masks are told apart by their names, bounds by their values", "[scheme]") {
    CHECK(within_bound<>::name == std::string("within_2"));
    CHECK(within_bound<std::ratio<15, 2>>::name == std::string("within_15_2"));
    CHECK(clip_inclusive::name != std::string(clip_strict::name));
}
