// SPDX-License-Identifier: Apache-2.0
#include <nibble/quantize/convert.hpp>
#include <nibble/scheme/presets.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>

#include <cmath>
#include <cstddef>
#include <cstring>

using namespace nibble;
using Catch::Matchers::WithinAbs;

namespace {

template <std::size_t N, class... More>
using int4 = scheme<bits<4>, per_group<N>, scale_as<float>, More...>;

matrix<float> waves() {
    matrix<float> x(5, 128);
    for (std::size_t i = 0; i < 5 * 128; ++i) {
        x.data()[i] = std::sin(static_cast<float>(i * i % 977)) * (1.0f + static_cast<float>(i % 7));
    }
    return x;
}

bool same_bits(matrix<float> const& a, matrix<float> const& b) {
    return a.rows() == b.rows() && a.columns() == b.columns() &&
           std::memcmp(a.data(), b.data(), a.rows() * a.columns() * sizeof(float)) == 0;
}

}  // namespace

TEST_CASE("a conversion that preserves values does so bit for bit", "[convert]") {
    using wider = scheme<bits<5>, narrow_range, per_group<32>, scale_as<e8m0>, power_of_two_above>;
    auto const a = quantize<mxfp4>(cpu{}, waves());
    auto const b = convert<mxfp4, wider>(cpu{}, a);
    CHECK(same_bits(dequantize(cpu{}, a), dequantize(cpu{}, b)));
}

TEST_CASE("a conversion with loss is quantization of the values", "[convert]") {
    auto const a = quantize<int4_g32>(cpu{}, waves());
    CHECK(convert<int4_g32, q4_0>(cpu{}, a, allow_loss{}) == quantize<q4_0>(cpu{}, dequantize(cpu{}, a)));
}

// The figures are means over 2^20 values; a third digit is beyond their scatter, 1/sqrt(2^20) of about 1.
TEST_CASE("what requantizing adds to the error of N(0, 1) values", "[convert]") {
    using half_32 = int4<32, absmax_over_half_range>;
    using half_128 = int4<128, absmax_over_half_range>;
    CHECK_THAT((added_rms<int4<32>, q4_0>()), WithinAbs(0.87, 0.005));
    CHECK_THAT((added_rms<half_32, q4_0>()), WithinAbs(0.65, 0.005));
    CHECK_THAT((added_rms<half_32, half_32>()), WithinAbs(0.705, 0.005));
    CHECK_THAT((added_rms<half_128, half_128>()), WithinAbs(0.605, 0.005));
    CHECK(added_rms<q4_0, q4_0>() == 0.0);
    CHECK(added_rms<int4_g32, int4_g32>() == 0.0);
}
