// SPDX-License-Identifier: Apache-2.0
#include <nibble/numeric/vectorized.hpp>
#include <nibble/quantize/fit_side_by_side.hpp>

#include <support/instruction_sets.hpp>
#include <support/schemes.hpp>

#include <catch2/catch_template_test_macros.hpp>

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <random>
#include <span>
#include <vector>

using namespace nibble;

namespace {

template <class S>
bool equal(group_parameters<S> const& a, group_parameters<S> const& b) {
    return a.scale == b.scale && a.zero == b.zero && a.underflowed == b.underflowed && a.wide == b.wide &&
           std::bit_cast<std::uint32_t>(a.step) == std::bit_cast<std::uint32_t>(b.step) &&
           std::bit_cast<std::uint32_t>(a.origin) == std::bit_cast<std::uint32_t>(b.origin);
}

/// How many of the groups were decided side by side, each as fit_group decides it.
template <class S>
std::size_t decided(std::vector<float> const& x, std::size_t groups) {
    std::size_t const width = x.size() / groups;
    std::size_t count = 0;
    for (isa const set : supported_sets()) {
        group_parameters<S> fitted[detail::lanes];
        std::uint32_t odd = 0;
        detail::vectorized(set, [&] { odd = detail::fit_side_by_side<S>(x.data(), groups, width, fitted); });
        REQUIRE(odd >> groups == 0);
        count = 0;
        for (std::size_t g = 0; g < groups; ++g) {
            if ((odd >> g & 1u) == 0) {
                REQUIRE(equal(fitted[g], fit_group<S>(detail::range_of(std::span(x).subspan(g * width, width)))));
                ++count;
            }
        }
    }
    return count;
}

}  // namespace

TEMPLATE_LIST_TEST_CASE("groups side by side are fitted as each alone, or left to that", "[quantize]", all_schemes) {
    using S = TestType;
    if constexpr (detail::fits_side_by_side<S>) {
        constexpr std::size_t width = S::storage::group == 0 ? 41 : S::storage::group;
        std::mt19937 random(3);
        std::normal_distribution<float> normal;
        std::vector<float> x;
        for (std::size_t groups = 1; groups <= detail::lanes; ++groups) {
            x.resize(groups * width);
            for (float& v : x) {
                v = normal(random) * S::high;  // scales of about 3
            }
            CHECK(decided<S>(x, groups) == groups);
        }
        // Every magnitude of f32, and its neighbourhood of the bounds of each scale type.
        for (int exponent = -150; exponent < 128; ++exponent) {
            for (float& v : x) {
                v = std::ldexp(std::fmax(-1.5f, std::fmin(normal(random), 1.5f)), exponent);
            }
            // Beyond its range a scale type refuses, alone; side by side leaves it to that.
            try {
                decided<S>(x, detail::lanes);
            } catch (error const&) {
                REQUIRE(exponent > 5);
            }
        }
        // Zeros, ends of equal size, and what is not finite, each at one place of one group.
        float const infinity = std::numeric_limits<float>::infinity();
        float const nan = std::numeric_limits<float>::quiet_NaN();
        for (float const special : {infinity, -infinity, nan, -nan}) {
            for (std::size_t at = 0; at < 3 * width; ++at) {
                x.assign(3 * width, 0.5f);
                x[at] = special;
                for (isa const set : supported_sets()) {
                    group_parameters<S> fitted[detail::lanes];
                    std::uint32_t odd = 0;
                    detail::vectorized(set, [&] { odd = detail::fit_side_by_side<S>(x.data(), 3, width, fitted); });
                    REQUIRE((odd >> (at / width) & 1u) == 1u);
                }
            }
        }
        // A run leaves what is odd, ragged or without values to its caller.
        x.assign(3 * width, S::high);
        x[0] = infinity;
        for (std::size_t const values : {std::size_t{0}, 2 * width + (width + 1) / 2}) {
            std::vector<std::size_t> left;
            std::vector<group_parameters<S>> fitted(3);
            auto const leave = [&](std::size_t g) { left.push_back(g); };
            detail::fit_run<S>(std::span<float const>(x).first(values), std::span(fitted), leave);
            if (values == 0) {
                CHECK(left == std::vector<std::size_t>{0, 1, 2});
            } else if (S::storage::group != 0) {
                CHECK(left.front() == 0);
                CHECK(left.back() == 2);
            }
        }
        for (float const low : {-1.0f, -0.0f, 0.0f, 0.25f}) {
            for (float const high : {-0.25f, -0.0f, 0.0f, 1.0f}) {
                x.assign(4 * width, low);
                for (std::size_t g = 0; g < 4; ++g) {
                    x[g * width + g * (width - 1) / 3] = high;
                }
                decided<S>(x, 4);
            }
        }
    }
}
