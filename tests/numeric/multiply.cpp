// SPDX-License-Identifier: Apache-2.0
#include <nibble/numeric/multiply.hpp>

#include <catch2/catch_test_macros.hpp>
#include <numeric/ulp.hpp>

#include <cmath>
#include <cstdint>
#include <random>

using nibble::multiply;
using nibble_test::from_bits;
using nibble_test::to_bits;

static_assert(multiply(3.0f, -0.5f) == -1.5f);
static_assert(nibble::detail::bits_of(multiply(-0.0f, 1.0f)) == 0x80000000u);
static_assert(nibble::detail::bits_of(multiply(0.0f, 1.0f)) == 0u);

TEST_CASE("a product is rounded before the sum that follows, whatever the compiler may fuse", "[numeric]") {
    std::mt19937 random(4);
    int differ = 0;
    for (int i = 0; i < 1'000'000; ++i) {
        float const a = from_bits((static_cast<std::uint32_t>(random()) & 0x007fffffu) | 0x3f800000u);
        float const b = from_bits((static_cast<std::uint32_t>(random()) & 0x007fffffu) | 0x3f800000u);
        float const volatile product = a * b;  // a store rounds
        float const volatile sum = product + 8.5f;
        CHECK(to_bits(multiply(a, b) + 8.5f) == to_bits(sum));
        differ += std::fma(a, b, 8.5f) == sum ? 0 : 1;
    }
    CHECK(differ > 1000);  // so that the check above can fail
}
