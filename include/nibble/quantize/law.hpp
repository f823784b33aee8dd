// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace nibble {

/// What a scheme may promise, as a set. Q(x) = decode(encode(x)) with the parameters of one group; a gap is the
/// distance of the two neighbouring values around x.
enum class law : std::uint16_t {
    none = 0,
    round_trip = 1 << 0,    ///< Q(decode(c)) = decode(c) for every code c in use
    half_step = 1 << 1,     ///< |Q(x) − x| <= gap / 2 · (1 + 2^-10) in range
    within_step = 1 << 2,   ///< |Q(x) − x| < gap · (1 + 2^-10) in range
    monotone = 1 << 3,      ///< x <= y  =>  Q(x) <= Q(y)
    odd = 1 << 4,           ///< Q(−x) = −Q(x)
    zero = 1 << 5,          ///< Q(0) = 0
    idempotent = 1 << 6,    ///< a group that was quantized is reproduced when it is quantized again, scale included
    power_of_two = 1 << 7,  ///< 2^k · x has 2^k times the scale and the same codes, away from subnormals
    bijection = 1 << 8,     ///< each code in use has a value of its own, and packing codes loses none of their bits
};

inline constexpr std::size_t law_count = 9;

constexpr law operator|(law a, law b) { return static_cast<law>(static_cast<unsigned>(a) | static_cast<unsigned>(b)); }
constexpr law operator&(law a, law b) { return static_cast<law>(static_cast<unsigned>(a) & static_cast<unsigned>(b)); }
constexpr law operator-(law a, law b) { return static_cast<law>(static_cast<unsigned>(a) & ~static_cast<unsigned>(b)); }

/// Where a law fails first.
///   scale, zero  of the group, as stored
///   code         that `value` has, or gets
///   value        which the law is about: x, or decode(code); of power_of_two, the extreme of the group
struct counterexample {
    law broken = law::none;
    float scale = 0;
    float zero = 0;
    unsigned code = 0;
    float value = 0;

    friend constexpr bool operator==(counterexample const&, counterexample const&) = default;
};

/// Which laws hold.
struct law_report {
    law checked = law::none;  ///< laws that could be decided
    law holding = law::none;  ///< those of them that hold
    std::array<counterexample, law_count> failures{};

    /// Where one law fails first; `broken` is none where it holds.
    constexpr counterexample const& first(law one) const {
        return failures[static_cast<std::size_t>(std::countr_zero(static_cast<unsigned>(one)))];
    }
    constexpr bool obeys(law laws) const { return (holding & laws) == laws; }

    constexpr void check(law laws) {
        checked = checked | laws;
        holding = holding | laws;
    }
    constexpr void fail(counterexample const& where) {
        if (obeys(where.broken)) {
            holding = holding - where.broken;
            failures[static_cast<std::size_t>(std::countr_zero(static_cast<unsigned>(where.broken)))] = where;
        }
    }
    /// What holds in both; what only one has checked, as that one says.
    constexpr law_report& operator&=(law_report const& other) {
        law const fails = (checked - holding) | (other.checked - other.holding);
        for (std::size_t i = 0; i < law_count; ++i) {
            if (failures[i].broken == law::none) {
                failures[i] = other.failures[i];
            }
        }
        checked = checked | other.checked;
        holding = checked - fails;
        return *this;
    }
};

}  // namespace nibble
