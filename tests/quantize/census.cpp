// SPDX-License-Identifier: Apache-2.0
// How often the two divisions and the tie rules choose different codes, counted over every pair of a bf16 value and a
// scale up to powers of two: x / s depends on the mantissas and on the difference of the exponents alone.
#include <nibble/numeric/float_bits.hpp>
#include <nibble/numeric/multiply.hpp>
#include <nibble/numeric/rounding.hpp>
#include <nibble/scheme/scale.hpp>

#include <catch2/catch_test_macros.hpp>

#include <cstddef>
#include <cstdint>

using namespace nibble;

namespace {

struct census {
    std::uint64_t pairs = 0;      ///< with x / s <= 8.5: beyond it, every code of 4 bits is clamped
    std::uint64_t divisions = 0;  ///< codes of x / s and of x · (1 / s) differ
    std::uint64_t masks = 0;      ///< and one of them is beyond 7: the gradient's mask differs
    std::uint64_t ties = 0;
    std::uint64_t tie_rules = 0;  ///< codes of ties to even and of ties away from zero differ
};

/// Scales in [1, 2) that have `bits` of mantissa; values of 7 bits of mantissa in [1/8, 16).
census count(unsigned bits) {
    constexpr std::size_t chunk = 64;
    census all;
    for (int exponent = -3; exponent <= 3; ++exponent) {
        for (std::uint32_t m = 0; m < 128; ++m) {
            float const x = detail::float_of(static_cast<std::uint32_t>(127 + exponent) << 23 | m << 16);
            for (std::uint32_t first = 0; first < 1u << bits; first += chunk) {
                std::uint32_t seen[5][chunk];
                for (std::uint32_t i = 0; i < chunk; ++i) {
                    float const s = detail::float_of(127u << 23 | (first + i) << (23 - bits));
                    float const v = divide::apply(x, s);
                    std::uint32_t const in = v <= 8.5f;
                    float const even = round_to_nearest_even::round(v);
                    float const by_reciprocal = round_to_nearest_even::round(reciprocal::apply(x, s));
                    std::uint32_t const differ = in & static_cast<std::uint32_t>(even != by_reciprocal);
                    std::uint32_t const tie = in & static_cast<std::uint32_t>(v - detail::floor(v) == 0.5f);
                    seen[0][i] = in;
                    seen[1][i] = differ;
                    seen[2][i] = differ & static_cast<std::uint32_t>((even > 7.0f) != (by_reciprocal > 7.0f));
                    seen[3][i] = tie;
                    seen[4][i] = tie & static_cast<std::uint32_t>(even != round_to_nearest_away::round(v));
                }
                std::uint32_t sums[5] = {};
                for (std::size_t k = 0; k < 5; ++k) {
                    for (std::uint32_t const one : seen[k]) {
                        sums[k] += one;
                    }
                }
                all.pairs += sums[0];
                all.divisions += sums[1];
                all.masks += sums[2];
                all.ties += sums[3];
                all.tie_rules += sums[4];
            }
        }
    }
    return all;
}

}  // namespace

TEST_CASE("of 107,912 pairs of bf16, 5 have other codes by the reciprocal, and 186 of 268 ties by their rule",
          "[census]") {
    auto const c = count(7);
    CHECK(c.pairs == 107912);
    CHECK(c.divisions == 5);
    CHECK(c.ties == 268);
    CHECK(c.tie_rules == 186);
}

TEST_CASE("of 863,688 pairs of bf16 and an f16 scale, 5 have other codes by the reciprocal", "[census]") {
    auto const c = count(10);
    CHECK(c.pairs == 863688);
    CHECK(c.divisions == 5);
}

namespace {

/// The same for all 2^23 mantissas of an f32 scale, fast: pairs, divisions and masks only. Adding and subtracting
/// 1.5 · 2^23 rounds to the even integer.
census count_all_f32() {
    constexpr std::uint32_t chunk = 1024;
    constexpr float shift = 12582912.0f;
    census all;
    for (std::uint32_t first = 0; first < 1u << 23; first += chunk) {
        float s[chunk];
        float r[chunk];
        for (std::uint32_t i = 0; i < chunk; ++i) {
            s[i] = detail::float_of(127u << 23 | (first + i));
            r[i] = 1.0f / s[i];
        }
        for (std::uint32_t e = 124; e <= 130; ++e) {
            for (std::uint32_t m = 0; m < 128; ++m) {
                float const x = detail::float_of(e << 23 | m << 16);
                std::uint32_t in = 0;
                std::uint32_t differ = 0;
                for (std::uint32_t i = 0; i < chunk; ++i) {
                    float const v = x / s[i];
                    in += v <= 8.5f ? 1u : 0u;
                    differ += v + shift != multiply(x, r[i]) + shift ? 1u : 0u;
                }
                all.pairs += in;
                for (std::uint32_t i = 0; i < chunk && differ != 0; ++i) {
                    float const v = x / s[i];
                    float const code = round_to_nearest_even::round(v);
                    float const other = round_to_nearest_even::round(reciprocal::apply(x, s[i]));
                    bool const counts = v <= 8.5f && code != other;
                    all.divisions += counts ? 1u : 0u;
                    all.masks += counts && (code > 7.0f) != (other > 7.0f) ? 1u : 0u;
                }
            }
        }
    }
    return all;
}

}  // namespace

TEST_CASE("of 7,075,790,869 pairs of bf16 and an f32 scale, 299 have other codes by the reciprocal, 39 another mask",
          "[.exhaustive]") {
    auto const c = count_all_f32();
    CHECK(c.pairs == 7075790869);
    CHECK(c.divisions == 299);
    CHECK(c.masks == 39);
}
