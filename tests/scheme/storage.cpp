// SPDX-License-Identifier: Apache-2.0
#include <nibble/scheme.hpp>

#include <catch2/catch_template_test_macros.hpp>

#include <cmath>
#include <support/factors.hpp>
#include <support/schemes.hpp>

using namespace nibble;

static_assert(storage_of<q4_0>::decode(0, f16(0.5f), {}) == -4.0f);
static_assert(storage_of<q4_1>::decode(3, f16(0.5f), f16(-1.0f)) == 0.5f);
static_assert(storage_of<scheme<bits<4>, asymmetric>>::decode(7, bf16(2.0f), 7) == 0.0f);

TEMPLATE_LIST_TEST_CASE("every code decodes to the value of its formula, rounded once", "[scheme]", all_schemes) {
    using St = storage_of<TestType>;
    for (float const s : {1.0f, 0.0078125f, 0.3f, 1000.0f}) {
        auto const scale = a_factor<typename St::scale_type>(s);
        auto const exact = static_cast<double>(static_cast<float>(scale));
        for (unsigned code = 0; code < 1u << St::bits; ++code) {
            double const level = St::grid::level(code);
            if constexpr (!St::has_zero) {
                float const value = static_cast<float>(level * exact);
                REQUIRE((St::decode(code, scale, {}) == value || std::isnan(value)));
            } else if constexpr (St::has_zero_point) {
                REQUIRE(St::decode(code, scale, 5) == static_cast<float>((static_cast<int>(code) - 5) * exact));
            } else {
                auto const offset = a_factor<typename St::zero_type>(-0.7f);
                double const o = static_cast<float>(offset);
                REQUIRE(St::decode(code, scale, offset) == static_cast<float>(level * exact + o));
            }
        }
    }
}
