// SPDX-License-Identifier: Apache-2.0
#include <nibble/numeric/rounding.hpp>
#include <nibble/scheme/codebook.hpp>

#include <catch2/catch_test_macros.hpp>

#include <array>
#include <cmath>
#include <cstddef>
#include <random>
#include <support/grids.hpp>

using namespace nibble;

namespace {

/// 127 powers of 1.07 on each side of zero: as many levels as a byte counts, but one.
struct powers {
    static constexpr std::array<float, 255> levels = [] {
        std::array<float, 255> table{};
        float size = 0.001f;
        for (std::size_t i = 0; i < 127; ++i, size *= 1.07f) {
            table[128 + i] = size;
            table[126 - i] = -size;
        }
        return table;
    }();
};

struct three_levels {
    static constexpr std::array<float, 3> levels{-1.0f, 0.25f, 3.0f};
};

using nf4_grid = format_traits<nf4>::grid;
using iq4_nl_grid = codebook_grid<iq4_nl_table>;

static_assert(nf4_grid::bits == 4 && nf4_grid::level(7) == 0.0f && nf4_grid::code(0) == 7);
static_assert(iq4_nl_grid::level(iq4_nl_grid::code(0)) == 1.0f);
static_assert(!integer_grid<nf4_grid> && integer_grid<iq4_nl_grid>);
static_assert(codebook_grid<three_levels>::bits == 2 && codebook_grid<three_levels>::level(3) == 3.0f);
static_assert(codebook_grid<powers>::bits == 8);

}  // namespace

TEST_CASE("a codebook is a grid", "[scheme]") {
    check_grid<nf4_grid>();
    check_grid<iq4_nl_grid>();
    check_grid<codebook_grid<three_levels>>();
    check_grid<codebook_grid<powers>>();
    check_integers<iq4_nl_grid>();
}

TEST_CASE("the nearest index is that of the nearest level", "[scheme]") {
    std::mt19937 random(1);
    std::normal_distribution<float> normal;
    for (int trial = 0; trial < 100000; ++trial) {
        float const v = normal(random) / 2;
        int nearest = 0;
        for (int i = 1; i < 16; ++i) {
            float const closer = std::fabs(nf4_table::levels[static_cast<std::size_t>(i)] - v);
            nearest = closer < std::fabs(nf4_table::levels[static_cast<std::size_t>(nearest)] - v) ? i : nearest;
        }
        float const index = round_to_nearest_even::round(nf4_grid::position(v));
        int const clamped = static_cast<int>(std::fmin(std::fmax(index, nf4_grid::lowest), nf4_grid::highest));
        REQUIRE(nf4_grid::code(clamped) == static_cast<unsigned>(nearest));
    }
}
