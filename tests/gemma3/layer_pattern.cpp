// SPDX-License-Identifier: Apache-2.0
#include <nibble/gemma3/layer_pattern.hpp>

#include <catch2/catch_test_macros.hpp>

using nibble::gemma3::pattern_of;

TEST_CASE("the pattern of a list of layers is the distance of its global layers", "[gemma3]") {
    for (std::uint32_t pattern = 1; pattern < 8; ++pattern) {
        for (std::uint32_t layers = pattern; layers < 3 * pattern + 3; ++layers) {
            std::vector<bool> is_global(layers);
            for (std::uint32_t layer = 0; layer < layers; ++layer) {
                is_global[layer] = (layer + 1) % pattern == 0;
            }
            CHECK(pattern_of(is_global) == pattern);
            is_global[layers - 1] = !is_global[layers - 1];
            if (layers > pattern) {
                CHECK_THROWS_AS(pattern_of(is_global), nibble::error);
            }
        }
    }
    CHECK(pattern_of({false, false, false}) == 4);
}
