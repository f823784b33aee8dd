// SPDX-License-Identifier: Apache-2.0
#include <nibble/numeric/float_bits.hpp>

#include <catch2/catch_test_macros.hpp>

using nibble::detail::bits_of;
using nibble::detail::float_of;

static_assert(bits_of(1.0f) == 0x3f800000u && bits_of(-0.0f) == 0x80000000u && float_of(0x40490fdbu) == 3.14159274f);

static_assert(nibble::detail::is_finite(3.4028235e38f) && !nibble::detail::is_finite(float_of(0xff800000u)) &&
              !nibble::detail::is_finite(float_of(0x7f800001u)));

TEST_CASE("bits become a float and the same bits again, NaN payloads too", "[numeric]") {
    for (std::uint64_t bits = 0; bits < 0x100000000u; bits += 65521) {
        REQUIRE(bits_of(float_of(static_cast<std::uint32_t>(bits))) == bits);
    }
}
