// SPDX-License-Identifier: Apache-2.0
#include <nibble/scheme/compose.hpp>
#include <nibble/scheme/gradient.hpp>

#include <catch2/catch_test_macros.hpp>

#include <cmath>
#include <concepts>
#include <cstddef>
#include <string>

using namespace nibble;

static_assert(gradient_policy<straight_through<>> && gradient_policy<learned_step<>>);
static_assert(gradient_policy<learned_step_and_offset<>> && gradient_policy<pact> && gradient_policy<dual_scale<>>);
static_assert(gradient_policy<log2_step<>> && gradient_policy<dynamic_scale<>>);
static_assert(!gradient_policy<clip_strict>);

// A gradient is a decision of its own: it changes the scheme, and not what is stored.
static_assert(std::same_as<scheme<bits<4>>::gradient, straight_through<clip_after_rounding>>);
static_assert(std::same_as<scheme<learned_step<>, bits<4>>::gradient, learned_step<clip_strict, normalised_per_step>>);
static_assert(std::same_as<storage_of<scheme<bits<4>, learned_step<>>>, storage_of<scheme<bits<4>>>>);
static_assert(scheme<bits<4>, pact, asymmetric>::info.gradient == "pact");

namespace {

/// v steps of size s, with level q, in [−8, 7] and z = 1; a position beyond it was clamped.
constexpr quantized_element<double> at(double v, double q, double s = 0.25, double step = 0.25) {
    return {.parameters = {.scale = s, .step = step, .zero_point = 1, .offset = 0},
            .value = (v - 1) * step,
            .position = v,
            .level = q,
            .residual = q - v,
            .clamped = v < -8.5 || v > 7.5,
            .low = -8,
            .high = 7};
}

constexpr bool equal(partial_derivatives<double> const& a, partial_derivatives<double> const& b) {
    return a.input == b.input && a.scale == b.scale && a.step == b.step && a.zero_point == b.zero_point &&
           a.offset == b.offset;
}

}  // namespace

// Inside, above and below; the numbers are those of the formulas, by hand.
static_assert(equal(straight_through<>::derivative(at(2.25, 2)), {.input = 1}));
static_assert(equal(straight_through<>::derivative(at(9.0, 7)), {}));
static_assert(equal(learned_step<>::derivative(at(2.25, 2)), {.input = 1, .scale = -0.25}));
static_assert(equal(learned_step<>::derivative(at(9.0, 7)), {.scale = 6}));
static_assert(equal(learned_step<>::derivative(at(-9.0, -8)), {.scale = -9}));
static_assert(equal(learned_step_and_offset<>::derivative(at(2.25, 2)), {.input = 1, .scale = -0.25}));
static_assert(equal(learned_step_and_offset<>::derivative(at(9.0, 7)), {.scale = 6, .zero_point = -0.25, .offset = 1}));
static_assert(equal(pact::derivative(at(2.25, 2)), {.input = 1}));
static_assert(equal(pact::derivative(at(7.0, 7)), {.scale = 1}));
static_assert(equal(pact::derivative(at(-9.0, -8)), {}));
static_assert(equal(dual_scale<>::derivative(at(2.25, 2, 0.5, 0.25)), {.input = 2, .scale = 1, .step = -2.5}));
static_assert(equal(dual_scale<>::derivative(at(9.0, 7, 0.5, 0.25)), {.scale = 6}));

TEST_CASE("the two derivatives of a dual scale add up to that of one scale where both are equal", "[scheme]") {
    for (double v = -12.0; v < 12.0; v += 0.0625) {
        auto const e = at(v, std::fmin(std::fmax(std::nearbyint(v), -8.0), 7.0));
        auto const dual = dual_scale<>::derivative(e);
        REQUIRE(dual.scale + dual.step == learned_step<>::derivative(e).scale);
        REQUIRE(dual.input == learned_step<>::derivative(e).input);
    }
}

TEST_CASE("the derivative of a logarithm of the step is ln 2 · s times that of the step", "[scheme]") {
    CHECK(log2_step<>::derivative(at(9.0, 7)).scale == std::log(2.0) * 0.25 * 6);
    // Sums below 2 of 25 terms, each rounded twice, give 2^±1.
    auto const e = at(33.0, 7);
    CHECK(std::fabs(log2_step<>::surrogate(e, {.scale = 1}) / (2 * e.parameters.value(7)) - 1) <= 25 * 0x1p-51);
    CHECK(std::fabs(log2_step<>::surrogate(e, {.scale = -1}) / (e.parameters.value(7) / 2) - 1) <= 25 * 0x1p-51);
}

TEST_CASE("a step's gradient is divided by the root of the elements that share it times the highest code", "[scheme]") {
    for (std::size_t const count : {1u, 32u, 4096u, 262144u}) {
        for (float const high : {1.0f, 7.0f, 127.0f}) {
            double const exact = 1.0 / std::sqrt(static_cast<double>(count) * static_cast<double>(high));
            CHECK(std::fabs(static_cast<double>(learned_step<>::factor(count, high)) - exact) <= exact * 0x1p-23);
            CHECK(learned_step<clip_strict, unnormalised>::factor(count, high) == 1.0f);
            CHECK(straight_through<>::factor(count, high) == 1.0f);
        }
    }
}

TEST_CASE("a policy's name has its parts", "[scheme]") {
    CHECK(straight_through<>::name == std::string("ste_after_rounding"));
    CHECK(straight_through<within_bound<>>::name == std::string("ste_within_2"));
    CHECK(learned_step<clip_inclusive, unnormalised>::name == std::string("lsq_inclusive_plain"));
    CHECK(learned_step_and_offset<>::name == std::string("lsq_plus_strict_per_step"));
    CHECK(dynamic_scale<pass_through>::name == std::string("dynamic_pass"));
}

TEST_CASE("the scale of an extreme value is its rule's, which rounds it to f32", "[scheme]") {
    auto const same = []<class Rule>(Rule) {
        for (float x = 1e-4f; x < 1e4f; x *= 1.37f) {
            for (float const extreme : {x, -x}) {
                for (float const low : {-8.0f, -7.0f, -128.0f}) {
                    float const high = -low - 1.0f;
                    double const exact = scale_of_extreme<Rule>::template scale<double>(extreme, low, high);
                    float const rule = Rule::scale({.min = -x, .max = x, .extreme = extreme}, low, high);
                    REQUIRE(rule == static_cast<float>(exact));
                }
            }
        }
    };
    same(absmax_over_qmax{});
    same(absmax_over_half_range{});
    same(signed_extreme{});
}
