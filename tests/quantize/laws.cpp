// SPDX-License-Identifier: Apache-2.0
#include <nibble/quantize/laws.hpp>
#include <nibble/quantize/quantize.hpp>

#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <support/schemes.hpp>
#include <tuple>
#include <utility>

using namespace nibble;

namespace {

/// floor(x + 1/2) in f32: ties go up, and 0.49999997f becomes 1.
struct add_half_and_floor {
    static constexpr char const* name = "add_half";
    static constexpr bool is_nearest = true;
    static constexpr bool is_odd = true;
    static constexpr float round(float x) { return round_down::round(x + 0.5f); }
};

/// Nearest, but 3 is skipped.
struct skips_three {
    static constexpr char const* name = "skips_three";
    static constexpr float round(float x) {
        float const nearest = round_to_nearest_even::round(x);
        return nearest == 3.0f ? 4.0f : nearest;
    }
};

/// Nearest, but the other way around.
struct falls {
    static constexpr char const* name = "falls";
    static constexpr float round(float x) { return round_to_nearest_even::round(-x); }
};

/// A rule that is not homogeneous.
struct absmax_plus_one {
    using axis = nibble::axis::scale_rule;
    static constexpr char const* name = "plus_one";
    static constexpr float scale(group_range r, float, float high) {
        return ((r.extreme < 0 ? -r.extreme : r.extreme) + 1.0f) / high;
    }
};

template <class S>
constexpr law missing(law laws) {
    return (nibble::laws<S>().checked & laws) - nibble::laws<S>().holding;
}

template <std::size_t... I>
consteval bool all_obey(std::index_sequence<I...>) {
    return (check_laws<std::tuple_element_t<I, all_schemes>>() && ...);
}

}  // namespace

// Every scheme obeys what its policies promise; where not, the compiler prints where it fails.
static_assert(all_obey(std::make_index_sequence<std::tuple_size_v<all_schemes>>{}));

// And nothing more, so that each law is one that some scheme breaks.
TEMPLATE_LIST_TEST_CASE("a scheme obeys the laws that its policies promise and no others", "[laws]", all_schemes) {
    constexpr law_report report = laws<TestType>();
    STATIC_REQUIRE(report.holding - law::idempotent == laws_claimed_by<TestType> - law::idempotent);
    constexpr bool by_range = detail::chooses_by_range<TestType>;
    STATIC_REQUIRE(((report.checked & law::idempotent) != law::none) == by_range);
}

namespace {

using narrow_up = scheme<bits<4>, per_group<32>, narrow_range, add_half_and_floor>;
using skipping = scheme<bits<4>, per_group<32>, skips_three>;
using falling = scheme<bits<4>, per_group<32>, falls>;
using shifted = scheme<bits<4>, per_group<32>, absmax_plus_one>;
using half_range = scheme<bits<4>, per_group<32>, absmax_over_half_range>;

}  // namespace

static_assert(missing<narrow_up>(laws_claimed_by<narrow_up>) == law::odd);
static_assert(missing<skipping>(laws_claimed_by<skipping>) == (law::round_trip | law::within_step));
static_assert(missing<falling>(laws_claimed_by<falling>) == (law::round_trip | law::within_step | law::monotone));
static_assert(missing<shifted>(laws_claimed_by<shifted>) == law::power_of_two);
static_assert(missing<half_range>(law::idempotent) == law::idempotent);
static_assert(missing<scheme<bits<4>, asymmetric_offset>>(law::zero) == law::zero);
static_assert(missing<int4_g32>(law::odd) == law::odd);  // -8 has no positive
static_assert(obeys<scheme<bits<4>, narrow_range>>(law::odd | law::half_step | law::idempotent));
static_assert(check_laws<half_range, law::round_trip | law::half_step>());

TEST_CASE("a counterexample is one", "[laws]") {
    constexpr counterexample c = laws<skipping>().first(law::round_trip);
    STATIC_REQUIRE(c.broken == law::round_trip);
    group_parameters<skipping> p;
    p.scale = bf16(c.scale);
    p.step = c.scale;
    CHECK(c.value == 3.0f * c.scale);
    CHECK(encode<skipping>(c.value, p) == c.code);
    CHECK(skipping::storage::decode(c.code, p.scale, {}) != c.value);
    STATIC_REQUIRE(laws<skipping>().first(law::monotone) == counterexample{});
}

TEST_CASE("L9: over all noise of 8 bits, the mean of a code is the value, to 2^-9 of a step", "[laws]") {
    using S = scheme<bits<8>, per_token, narrow_range, stochastic<8>>;
    group_parameters<S> p;
    p.scale = bf16(0.375f);
    p.step = 0.375f;
    for (int i = -127 * 1024; i <= 127 * 1024; ++i) {
        float const v = static_cast<float>(i) / 1024.0f;  // x / s, exactly
        int sum = 0;
        for (std::uint32_t noise = 0; noise < 256; ++noise) {
            sum += static_cast<int>(encode<S>(v * 0.375f, p, noise << 24)) - 128;
        }
        int const off = 4 * sum - i;  // 1024 times the mean, less v
        if (i % 4 == 0 ? off != 0 : off < -2 || off > 2) {
            FAIL("the mean for x / s = " << v << " is " << static_cast<float>(sum) / 256.0f);
        }
    }
}

TEMPLATE_LIST_TEST_CASE("L8: groups do not see each other, and a short last one changes none before it", "[laws]",
                        all_schemes) {
    using S = TestType;
    constexpr std::size_t width = S::storage::block;
    if constexpr (width != 0 && S::storage::rows == 1 && !rounds_at_random<S> &&
                  !has_matrix_scale<typename S::scale_type>) {
        matrix<float> x(1, 2 * width);
        matrix<float> swapped(1, 2 * width);
        for (std::size_t i = 0; i < 2 * width; ++i) {
            x(0, i) = static_cast<float>(static_cast<int>(i * i * 7919 % 2003) - 1001) * (i < width ? 0.001f : 0.013f);
            swapped(0, (i + width) % (2 * width)) = x(0, i);
        }
        auto const a = fake_quantize<S>(cpu{}, x);
        auto const b = fake_quantize<S>(cpu{}, swapped);
        for (std::size_t i = 0; i < 2 * width; ++i) {
            REQUIRE(a(0, i) == b(0, (i + width) % (2 * width)));
        }
        if constexpr (std::same_as<typename S::tail, short_group>) {
            matrix<float> longer(1, width + 1);
            std::copy_n(x.data(), width + 1, longer.data());
            auto const c = fake_quantize<S>(cpu{}, longer);
            CHECK(std::equal(a.data(), a.data() + width, c.data()));
        }
    }
}
