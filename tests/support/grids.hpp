// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/scheme/grid.hpp>

#include <catch2/catch_test_macros.hpp>

#include <cmath>
#include <limits>

/// What every grid promises of its indices, positions and levels.
template <nibble::grid G>
void check_grid() {
    static_assert(G::lowest <= 0 && G::highest >= 0 && G::highest - G::lowest < 1 << G::bits);
    auto const level = [](int index) { return G::level(G::code(index)); };
    for (int i = G::lowest; i <= G::highest; ++i) {
        CAPTURE(i);
        REQUIRE(G::code(i) < 1u << G::bits);
        REQUIRE(G::position(level(i)) == static_cast<float>(i));
        if (i == G::highest) {
            break;
        }
        REQUIRE(level(i) < level(i + 1));
        float const a = level(i);
        float const b = level(i + 1);
        float const inside[] = {std::nextafter(a, b), std::nextafter(b, a), a + (b - a) / 3.0f};
        for (float const v : inside) {
            REQUIRE(G::position(v) > static_cast<float>(i));
            REQUIRE(G::position(v) < static_cast<float>(i + 1));
        }
        double const middle = (static_cast<double>(a) + static_cast<double>(b)) / 2;
        auto const near = static_cast<float>(middle);
        for (float const v : {std::nextafter(near, a), near, std::nextafter(near, b)}) {
            double const fraction = static_cast<double>(G::position(v)) - i;
            REQUIRE((fraction < 0.5) == (v < middle));
            REQUIRE((fraction > 0.5) == (v > middle));
        }
    }
    constexpr float most = std::numeric_limits<float>::max();
    constexpr float infinity = std::numeric_limits<float>::infinity();
    for (float const v : {most, infinity}) {
        REQUIRE(G::position(v) > static_cast<float>(G::highest));
        REQUIRE(G::position(-v) < static_cast<float>(G::lowest));
    }
}

/// level = unit · (factor · number − bias) for every code.
template <nibble::integer_grid G>
void check_integers() {
    constexpr nibble::integer_levels levels = G::integers;
    for (unsigned code = 0; code < 1u << G::bits; ++code) {
        int const number = levels.has_table ? levels.table[code] : static_cast<int>(code);
        REQUIRE(G::level(code) == levels.unit * static_cast<float>(levels.factor * number - levels.bias));
    }
}
