// SPDX-License-Identifier: Apache-2.0
#include <nibble/scheme/rules/trial.hpp>

#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>

#include <cmath>
#include <limits>
#include <tuple>

#include "rule_data.hpp"

using namespace nibble;

namespace {

using tried_schemes =
    std::tuple<exact<bits<4>>, exact<bits<8>, narrow_range, reciprocal>, exact<bits<3>, round_down>, exact<ternary>,
               exact<bits<4>, mid_rise>, exact<bits<4>, truncate_after_adding<8>, codes_from_unrounded>, exact<e2m1>,
               exact<e4m3>, exact<nf4>, exact<bits<4>, asymmetric_offset>,
               exact<bits<8>, asymmetric_offset, reciprocal>, exact<bits<4>, asymmetric_middle>,
               exact<bits<4>, asymmetric, min_max>, exact<bits<8>, asymmetric, zero_before_rounding, reciprocal>>;

}  // namespace

TEMPLATE_LIST_TEST_CASE("a trial gives the codes of encode and the values of decode, whatever scale and origin",
                        "[scheme]", tried_schemes) {
    using S = TestType;
    auto const x = values_of(shape::laplace, 200, 64);
    std::mt19937 random(5);
    std::uniform_real_distribution<float> uniform(0.01f, 1.0f);
    for (std::size_t row = 0; row < x.rows(); ++row) {
        float const sign = S::is_symmetric && row % 3 == 0 ? -1.0f : 1.0f;
        group_fit const fit{sign * uniform(random), S::is_symmetric ? 0.0f : -4.0f * uniform(random)};
        auto const stored = detail::store_fit<S>(fit);
        detail::trial<S> const tried(fit);
        for (float const v : x.row(row)) {
            unsigned const code = encode<S>(v, stored);
            REQUIRE(S::grid::code(static_cast<int>(tried.index(v))) == code);
            REQUIRE(static_cast<float>(tried.value(v)) == S::storage::decode(code, stored.scale, stored.zero));
        }
    }
}

TEST_CASE("a difference beyond f32 is quantized as encode does", "[scheme]") {
    using S = exact<bits<4>, asymmetric_offset>;
    constexpr float most = std::numeric_limits<float>::max();
    group_fit const fit{most / 7.5f, -most};
    auto const stored = detail::store_fit<S>(fit);
    for (float const v : {-most, 0.0f, most / 3, most}) {
        CHECK(S::grid::code(static_cast<int>(detail::trial<S>(fit).index(v))) == encode<S>(v, stored));
    }
}

TEST_CASE("no importance, and importance of zeros only, count as ones", "[scheme]") {
    float const x[] = {1, 2, 3};
    float const none[] = {0, 0, 0};
    float const some[] = {0, 2, 0.5f};
    CHECK(detail::weights_of({x, {}})[1] == 1.0);
    CHECK(detail::weights_of({x, {}}).sum() == 3.0);
    CHECK(detail::weights_of({x, none})[0] == 1.0);
    CHECK(detail::weights_of({x, some})[0] == 0.0);
    CHECK(detail::weights_of({x, some}).sum() == 2.5);
}

TEST_CASE("the range of a group holds zero where a zero point or a shared offset asks for it", "[scheme]") {
    float const x[] = {3, 1, 2};
    CHECK(detail::range_of_group<exact<bits<4>, asymmetric_offset>>({x, {}}).min == 1.0f);
    CHECK(detail::range_of_group<exact<bits<4>, asymmetric>>({x, {}}).min == 0.0f);
    CHECK(detail::range_of_group<q4_k>({x, {}}).min == 0.0f);
    float const y[] = {-3, 3, -1};
    CHECK(detail::range_of_group<exact<bits<4>>>({y, {}}).extreme == -3.0f);
}

TEST_CASE("a scale that is tried is neither 0 nor infinite", "[scheme]") {
    CHECK(detail::to_scale(1e-60) == std::numeric_limits<float>::denorm_min());
    CHECK(detail::to_scale(-1e-60) == -std::numeric_limits<float>::denorm_min());
    CHECK(detail::to_scale(1e60) == std::numeric_limits<float>::max());
    CHECK(detail::to_finite(-1e60) == -std::numeric_limits<float>::max());
    CHECK(detail::to_scale(0.1) == 0.1f);
}
