// SPDX-License-Identifier: Apache-2.0
#include <nibble/numeric/vectorized.hpp>
#include <nibble/quantize/encode.hpp>
#include <nibble/quantize/fit.hpp>
#include <nibble/quantize/fit_block.hpp>

#include <support/instruction_sets.hpp>
#include <support/schemes.hpp>

#include <catch2/catch_template_test_macros.hpp>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <random>
#include <span>
#include <vector>

using namespace nibble;

TEMPLATE_LIST_TEST_CASE("many values get the codes, and what they stand for, that each alone gets, on every set",
                        "[quantize]", all_schemes) {
    using S = TestType;
    std::mt19937 random(5);
    std::normal_distribution<float> normal;
    for (std::size_t const count : {1u, 15u, 16u, 75u, 256u}) {
        if (S::storage::group != 0 && count > S::storage::group) {
            break;
        }
        std::vector<float> x(count);
        std::generate(x.begin(), x.end(), [&] { return normal(random); });
        std::vector<std::uint32_t> noise(count);
        std::generate(noise.begin(), noise.end(), std::ref(random));
        group_parameters<S> p;
        detail::fit_block<S>([&](std::size_t) { return group_values{x, {}}; }, std::span(&p, 1), false, {});
        for (group_parameters<S> const& parameters : {p, group_parameters<S>{.scale = p.scale, .zero = p.zero}}) {
            for (isa const set : supported_sets()) {
                std::vector<std::uint8_t> codes(count);
                std::vector<float> values(count);
                detail::vectorized(set, [&] {
                    if constexpr (rounds_at_random<S>) {
                        encode<S>(std::span<float const>(x), parameters, codes.data(), noise.data());
                        fake_encode<S>(x, parameters, values.data(), noise.data());
                    } else {
                        encode<S>(std::span<float const>(x), parameters, codes.data());
                        fake_encode<S>(x, parameters, values.data());
                    }
                });
                for (std::size_t i = 0; i < count; ++i) {
                    unsigned code = 0;
                    if constexpr (rounds_at_random<S>) {
                        code = encode<S>(x[i], parameters, noise[i]);
                    } else {
                        code = encode<S>(x[i], parameters);
                    }
                    REQUIRE(codes[i] == code);
                    float const value = storage_of<S>::decode(code, parameters.scale, parameters.zero);
                    REQUIRE(std::bit_cast<std::uint32_t>(values[i]) == std::bit_cast<std::uint32_t>(value));
                }
            }
        }
    }
}
