// SPDX-License-Identifier: Apache-2.0
#include "small_float.hpp"

#include <nibble/numeric/float_bits.hpp>
#include <nibble/numeric/small_float.hpp>

#include <catch2/catch_test_macros.hpp>

using nibble_test::small_float_definition;

namespace {

template <int MantissaBits, int Bias>
void check(unsigned finite) {
    using layout = nibble::detail::small_float<MantissaBits, Bias>;
    small_float_definition const definition{MantissaBits, Bias, finite};
    for (unsigned code = 0; code < finite; ++code) {
        auto const value = static_cast<double>(nibble_test::from_bits(layout::decode(code)));
        REQUIRE(value == definition.value(code));
    }
    auto const largest = static_cast<float>(definition.value(finite - 1));
    nibble_test::visit_magnitudes(definition, [&](float x) {
        REQUIRE(layout::encode(nibble_test::to_bits(x), largest) == definition.nearest(x));
    });
}

}  // namespace

TEST_CASE("a layout of any exponent and mantissa width decodes exactly and encodes to the nearest", "[numeric]") {
    check<2, 3>(32);   // e3m2
    check<3, 1>(32);   // e2m3
    check<0, 3>(8);    // e3m0: powers of two
    check<6, 0>(128);  // e1m6
    check<1, 15>(62);  // e5m1 with an exponent set aside
}
