// SPDX-License-Identifier: Apache-2.0
#include <nibble/numeric/fine_code.hpp>

#include "ulp.hpp"

#include <nibble/numeric/bf16.hpp>
#include <nibble/numeric/f16.hpp>

#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>

#include <cmath>
#include <cstdint>

using namespace nibble;
using nibble_test::infinity;
using nibble_test::quiet_nan;

static_assert(sizeof(unsigned_code<6>) == 1 && unsigned_code<6>::width == 6);
static_assert(unsigned_code<6>::lowest == 0 && unsigned_code<6>::highest == 63);
static_assert(signed_code<6>::lowest == -32 && signed_code<6>::highest == 31);
static_assert(signed_code<1>::lowest == -1 && signed_code<1>::highest == 0);
static_assert(unsigned_code<4>(2.5f).bits == 2 && unsigned_code<4>(3.5f).bits == 4 &&
              unsigned_code<4>(-1.0f).bits == 0);
static_assert(signed_code<8>(-128.5f).bits == 0 && signed_code<8>(1e30f).bits == 255 &&
              signed_code<8>(0.0f).bits == 128);
static_assert(static_cast<float>(signed_code<6>::from_bits(0)) == -32.0f);
static_assert(unsigned_code<8>(quiet_nan).bits == 0 && static_cast<float>(signed_code<8>(quiet_nan)) == 0.0f);
static_assert(unsigned_code<3>::from_bits(5) == unsigned_code<3>(5.0f) && signed_code<3>() != signed_code<3>(0.0f));

namespace {

/// The integer nearest to x in lowest … highest, of two the even one: as many are passed as middles lie below x.
template <class Code>
int nearest(float x) {
    int best = Code::lowest;
    for (int i = Code::lowest; i < Code::highest; ++i) {
        double const middle = i + 0.5;
        bool const passed = static_cast<double>(x) > middle || (static_cast<double>(x) == middle && i % 2 != 0);
        best += passed ? 1 : 0;
    }
    return best;
}

template <class Code>
void check(float x) {
    for (float const value : {x, -x}) {
        REQUIRE(Code(value).bits == nearest<Code>(value) - Code::lowest);
    }
}

}  // namespace

TEMPLATE_TEST_CASE("a fine code has its integer's value, and is the integer nearest to a float within its range",
                   "[numeric]", unsigned_code<1>, unsigned_code<2>, unsigned_code<3>, unsigned_code<4>,
                   unsigned_code<5>, unsigned_code<6>, unsigned_code<7>, unsigned_code<8>, signed_code<1>,
                   signed_code<2>, signed_code<3>, signed_code<4>, signed_code<5>, signed_code<6>, signed_code<7>,
                   signed_code<8>) {
    for (int i = TestType::lowest; i <= TestType::highest; ++i) {
        auto const code = TestType::from_bits(static_cast<std::uint8_t>(i - TestType::lowest));
        REQUIRE(static_cast<float>(code) == static_cast<float>(i));
        REQUIRE(TestType(static_cast<float>(i)) == code);
    }
    for (int i = 0; i < 260; ++i) {
        float const middle = static_cast<float>(i) + 0.5f;
        check<TestType>(middle);
        check<TestType>(std::nextafter(middle, 0.0f));
        check<TestType>(std::nextafter(middle, infinity));
    }
    for (unsigned bits = 0; bits <= 0x7f80u; ++bits) {
        check<TestType>(static_cast<float>(bf16::from_bits(static_cast<std::uint16_t>(bits))));
    }
    for (unsigned bits = 0; bits <= 0x7c00u; ++bits) {
        check<TestType>(static_cast<float>(f16::from_bits(static_cast<std::uint16_t>(bits))));
    }
}
