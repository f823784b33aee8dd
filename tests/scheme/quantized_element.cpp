// SPDX-License-Identifier: Apache-2.0
#include <nibble/scheme/quantized_element.hpp>

#include <catch2/catch_test_macros.hpp>

using namespace nibble;

namespace {

constexpr affine_parameters<double> zero_point{.scale = 0.5, .step = 0.5, .zero_point = 3, .offset = 0};
constexpr affine_parameters<double> offset{.scale = 0.5, .step = 0.5, .zero_point = 0, .offset = -1.5};
constexpr affine_parameters<double> dual{.scale = 0.5, .step = 0.25, .zero_point = 0, .offset = 0};

}  // namespace

static_assert(zero_point.position(1.0) == 5 && zero_point.value(5) == 1.0);
static_assert(offset.position(1.0) == 5 && offset.value(5) == 1.0);
static_assert(dual.position(1.0) == 4 && dual.value(4) == 2.0);

TEST_CASE("a position is where the value of its level lies, for a zero point and for an offset", "[scheme]") {
    for (int level = 0; level < 16; ++level) {
        CHECK(zero_point.position(zero_point.value(level)) == level);
        CHECK(offset.position(offset.value(level)) == level);
    }
}
