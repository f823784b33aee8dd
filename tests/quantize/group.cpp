// SPDX-License-Identifier: Apache-2.0
#include <nibble/quantize/encode.hpp>
#include <nibble/quantize/fit.hpp>

#include <catch2/catch_test_macros.hpp>

#include <cmath>

using namespace nibble;

TEST_CASE("an offset is stored at or below the least value, by less than one step of its type", "[quantize]") {
    for (float x = -1e30f; x < -1e-30f; x *= 0.7311f) {
        for (float const v : {x, -x, 0.0f}) {
            auto const b = detail::store_below<bf16>(v);
            REQUIRE(static_cast<float>(b) <= v);
            REQUIRE(std::fabs(static_cast<float>(b) - v) <= std::fabs(v) / 128.0f);
        }
    }
    CHECK(detail::store_below<f16>(-1e-9f).bits == 0x8001);
    CHECK(detail::store_below<f16>(1e-9f).bits == 0);
}

TEST_CASE("P10: a subnormal scale is rounded away from zero, a normal one to nearest", "[quantize]") {
    CHECK(detail::store_scale<f16>(1e-9f).bits == 1);
    CHECK(detail::store_scale<f16>(-1e-9f).bits == 0x8001);
    CHECK(detail::store_scale<f16>(0x1p-24f).bits == 1);  // exact: stays
    CHECK(detail::store_scale<f16>(0x1.1p-23f).bits == 3);
    CHECK(detail::store_scale<f16>(0.1f) == f16(0.1f));
    CHECK(detail::store_scale<float>(1e-44f) > 1e-44f);
    CHECK(detail::store_scale<float>(0.1f) == 0.1f);
    for (float s = 0x1p-14f; s > 1e-12f; s *= 0.83f) {
        REQUIRE(static_cast<float>(detail::store_scale<f16>(s)) >= s);
    }
}

TEST_CASE("ties, clamps and the zero point follow the formula", "[quantize]") {
    using s4 = scheme<bits<4>, scale_as<float>>;
    auto const p = fit_group<s4>({-7.0f, 7.0f, 7.0f});
    CHECK(p.scale == 1.0f);
    CHECK(encode<s4>(2.5f, p) == 2 + 8);
    CHECK(encode<s4>(3.5f, p) == 4 + 8);
    CHECK(encode<s4>(-100.0f, p) == 0);
    CHECK(encode<s4>(100.0f, p) == 15);

    using a4 = scheme<bits<4>, asymmetric, scale_as<float>>;
    auto const a = fit_group<a4>({-5.0f, 10.0f, 10.0f});
    CHECK(a.zero == 5);
    CHECK(encode<a4>(0.0f, a) == 5);
    CHECK(encode<a4>(-5.0f, a) == 0);
    CHECK(encode<a4>(10.0f, a) == 15);
    CHECK(fit_group<a4>({3.0f, 15.0f, 15.0f}).zero == 0);  // the range is widened to hold zero
}
