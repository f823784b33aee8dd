// SPDX-License-Identifier: Apache-2.0
#include <nibble/numeric/vectorized.hpp>

#include <support/instruction_sets.hpp>

#include <catch2/catch_test_macros.hpp>

#include <cstddef>

using namespace nibble;

TEST_CASE("what is compiled for an instruction set gives the same bits, products and sums apart", "[numeric]") {
    // a · b = 1 − 2^-46, which rounds to 1: added to −1 it is 0 where the product was rounded, and fused it is −2^-46.
    float a[37], b[37];
    for (std::size_t i = 0; i < 37; ++i) {
        a[i] = 1.0f + 0x1p-23f;
        b[i] = 1.0f - 0x1p-23f;
    }
    for (isa const set : supported_sets()) {
        float sum[37] = {};
        detail::vectorized(set, [&] {
            for (std::size_t i = 0; i < 37; ++i) {
                float const product = a[i] * b[i];
                sum[i] = product - 1.0f;
            }
        });
        for (float const x : sum) {
            REQUIRE(x == 0.0f);
        }
    }
    int calls = 0;
    detail::vectorized([&] { ++calls; });
    CHECK(calls == 1);
}
