// SPDX-License-Identifier: Apache-2.0
#include <nibble/numeric/gelu.hpp>

#include <catch2/catch_test_macros.hpp>
#include <numeric/ulp.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>

using nibble_test::from_bits;
using nibble_test::infinity;
using nibble_test::quiet_nan;
using nibble_test::to_bits;

static_assert(nibble::gelu_tanh(0.0f) == 0.0f);
static_assert(nibble::gelu_tanh(1.0f) == 0x1.aeb0b8p-1f);
static_assert(nibble::gelu_tanh(infinity) == infinity);
static_assert(nibble::gelu_tanh(-infinity) == 0.0f);
static_assert(nibble::gelu_tanh(quiet_nan) != nibble::gelu_tanh(quiet_nan));

namespace {

/// 2u of gelu_tanh, in extended precision.
long double twice_u(long double x) { return 1.59576912160573071176L * (x + 0.044715L * x * x * x); }

/// The largest error over every 101st float of [first, last), as a multiple of the stated bound.
double largest_share_of_bound(std::uint32_t first, std::uint32_t last) {
    double largest = 0;
    for (std::uint32_t bits = first; bits < last; bits += 101) {
        float const x = from_bits(bits);
        long double const u2 = twice_u(x);
        long double const exact = x / (1 + std::exp(-u2));
        long double const bound = 0x1p-24L * (5 + (x < 0 ? 4 * std::fabs(u2) : 0)) * std::fabs(exact) + 0x1p-150L;
        largest = std::max(largest, static_cast<double>(std::fabs(nibble::gelu_tanh(x) - exact) / bound));
    }
    return largest;
}

}  // namespace

TEST_CASE("gelu_tanh is within its stated error from −10 to 100, subnormals included") {
    CHECK(largest_share_of_bound(to_bits(0.0f), to_bits(100.0f)) <= 1);
    CHECK(largest_share_of_bound(to_bits(-0.0f), to_bits(-10.0f)) <= 1);
}

TEST_CASE("gelu_tanh is x from 6 up and −0 far below") {
    for (std::uint32_t bits = to_bits(6.0f); bits <= to_bits(infinity); bits += 10007) {
        REQUIRE(to_bits(nibble::gelu_tanh(from_bits(bits))) == bits);
    }
    for (std::uint32_t bits = to_bits(-10.07f); bits <= to_bits(-infinity); bits += 10007) {
        REQUIRE(to_bits(nibble::gelu_tanh(from_bits(bits))) == 0x80000000u);
    }
    CHECK(to_bits(nibble::gelu_tanh(-infinity)) == 0x80000000u);
    CHECK(nibble::gelu_tanh(-10.05f) < 0.0f);
}

TEST_CASE("gelu_tanh in a constant has the bits of gelu_tanh at run time") {
    constexpr float constants[] = {nibble::gelu_tanh(0.1f), nibble::gelu_tanh(-3.7f), nibble::gelu_tanh(-9.9f)};
    float const arguments[] = {0.1f, -3.7f, -9.9f};
    for (int i = 0; i < 3; ++i) {
        float const volatile x = arguments[i];
        CHECK(to_bits(nibble::gelu_tanh(x)) == to_bits(constants[i]));
    }
}
