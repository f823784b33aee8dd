// SPDX-License-Identifier: Apache-2.0
#include <nibble/numeric/sqrt.hpp>

#include "ulp.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cmath>
#include <cstdint>

using nibble_test::from_bits;
using nibble_test::infinity;
using nibble_test::quiet_nan;
using nibble_test::to_bits;

static_assert(nibble::sqrt(4.0f) == 2.0f && nibble::sqrt(2.0f) == 0x1.6a09e6p0f);
static_assert(nibble::sqrt(0x1p-148f) == 0x1p-74f && nibble::sqrt(0x1p-126f) == 0x1p-63f);
static_assert(nibble::detail::bits_of(nibble::sqrt(-0.0f)) == 0x80000000u);
static_assert(nibble::sqrt(infinity) == infinity && nibble::sqrt(0.0f) == 0.0f);
static_assert(nibble::sqrt(-1.0f) != nibble::sqrt(-1.0f) && nibble::sqrt(-infinity) != nibble::sqrt(-infinity));
static_assert(nibble::sqrt(quiet_nan) != nibble::sqrt(quiet_nan));

namespace {

/// A float's square root in double, rounded once more: 53 >= 2 · 24 + 2 bits make that the correct rounding.
float correctly_rounded(float x) { return static_cast<float>(std::sqrt(static_cast<double>(x))); }

/// How many of the floats first, first + stride, … below last have another square root, at run time or in a constant.
int count_faults(std::uint32_t first, std::uint32_t last, std::uint32_t stride) {
    int faults = 0;
    for (std::uint64_t bits = first; bits < last; bits += stride) {
        float const x = from_bits(static_cast<std::uint32_t>(bits));
        std::uint32_t const exact = to_bits(correctly_rounded(x));
        faults += to_bits(nibble::sqrt(x)) == exact && to_bits(nibble::detail::software_sqrt(x)) == exact ? 0 : 1;
    }
    return faults;
}

}  // namespace

TEST_CASE("sqrt is correctly rounded at run time and in a constant, from the least subnormal up", "[numeric]") {
    CHECK(count_faults(0x3f800000u, 0x40800000u, 7) == 0);  // two binades: every exponent repeats one of them
    CHECK(count_faults(0u, 0x7f800001u, 1009) == 0);
    CHECK(count_faults(0u, 0x00800000u, 31) == 0);
    CHECK(count_faults(0u, 70000u, 1) == 0);
    CHECK(count_faults(0x7f7f0000u, 0x7f800001u, 1) == 0);
}

TEST_CASE("sqrt keeps the sign of zero, and a negative number or a NaN gives a NaN", "[numeric]") {
    for (float const volatile x : {-0x1p-149f, -1.0f, -infinity, quiet_nan}) {
        CHECK(std::isnan(nibble::sqrt(x)));
        CHECK(std::isnan(nibble::detail::software_sqrt(x)));
    }
    float const volatile zero = -0.0f;
    CHECK(to_bits(nibble::sqrt(zero)) == 0x80000000u);
}
