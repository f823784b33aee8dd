// SPDX-License-Identifier: Apache-2.0
#include <nibble/numeric/stochastic.hpp>

#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>

#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <limits>

using namespace nibble;

static_assert(random_rounding_mode<stochastic<>> && !rounding_mode<stochastic<>>);
static_assert(rounding_mode<round_half_up> && !random_rounding_mode<round_half_up>);
static_assert(stochastic<8>::round(2.5f, 127u << 24) == 3.0f && stochastic<8>::round(2.5f, 128u << 24) == 2.0f);
static_assert(stochastic<32>::round(-0x1p-30f, 3) == -1.0f && stochastic<32>::round(-0x1p-30f, 4) == 0.0f);

namespace {

/// 2^NoiseBits · E[round(x)], over every value of the noise.
template <int NoiseBits>
double sum_over_noise(float x) {
    double sum = 0;
    for (std::uint32_t noise = 0; noise < std::uint32_t{1} << NoiseBits; ++noise) {
        sum += static_cast<double>(stochastic<NoiseBits>::round(x, noise << (32 - NoiseBits)));
    }
    return sum;
}

template <int NoiseBits>
void check_all_multiples() {
    constexpr std::int64_t values = std::int64_t{1} << NoiseBits;
    for (std::int64_t k = 0; k < 1024; ++k) {
        std::int64_t const f = k % 5;
        auto const x = static_cast<float>(1024 * f + k) / 1024.0f;
        std::int64_t const ups = (k * values + 511) / 1024;  // k · 2^NoiseBits / 1024 to nearest, ties to the lower
        auto const expected = static_cast<double>(values * f + ups);
        REQUIRE(sum_over_noise<NoiseBits>(x) == expected);
        REQUIRE(sum_over_noise<NoiseBits>(-x) == -expected);
        if (k * values % 1024 == 0) {
            REQUIRE(expected / static_cast<double>(values) == x);
        }
    }
}

}  // namespace

TEST_CASE(
    "L9: the mean over all noise is the value to the nearest multiple of the noise's unit, itself where it is one",
    "[numeric]") {
    check_all_multiples<8>();
    check_all_multiples<16>();
}

TEMPLATE_TEST_CASE_SIG("L9: the mean is within half a unit of the noise beside integers and zero", "[numeric]",
                       ((int NoiseBits), NoiseBits), 8, 16) {
    for (float const integer : {0.0f, 1.0f, 2.0f, 3.0f, 127.0f, 255.0f, 4096.0f}) {
        for (float const x : {std::nextafter(integer, -1.0f), std::nextafter(integer, 1e9f)}) {
            double const mean = sum_over_noise<NoiseBits>(x) / static_cast<double>(1u << NoiseBits);
            CHECK(std::fabs(mean - x) <= std::ldexp(1.0, -NoiseBits - 1));
            CHECK(sum_over_noise<NoiseBits>(-x) == -sum_over_noise<NoiseBits>(x));
        }
    }
}

TEMPLATE_TEST_CASE_SIG("integers, all values of 2^23 and more among them, never move", "[numeric]",
                       ((int NoiseBits), NoiseBits), 8, 16, 32) {
    auto const stays = [](float x) {
        for (std::uint32_t const random : {0u, 1u, 0x7fffffffu, 0x80000000u, 0xffffffffu}) {
            REQUIRE(stochastic<NoiseBits>::round(x, random) == x);
            REQUIRE(stochastic<NoiseBits>::round(-x, random) == -x);
        }
    };
    for (int i = 0; i < 1000; ++i) {
        stays(static_cast<float>(i));
    }
    for (float x = 0x1p23f; std::isfinite(x); x *= 1.37f) {
        stays(x);
        stays(std::nextafter(x, std::numeric_limits<float>::infinity()));
    }
    stays(0x1p23f - 1.0f);
    stays(std::numeric_limits<float>::infinity());
}

TEST_CASE("of 2^32 values of noise, d · 2^32 round up", "[numeric]") {
    for (std::uint64_t k = 1; k < 0x1000000u; k += 40503) {
        float const d = static_cast<float>(k) * 0x1p-24f;
        auto const ups = static_cast<std::uint32_t>(k << 8);
        for (float const f : {0.0f, 1.0f}) {
            float const x = f + d;
            if (x - f == d) {  // else x has too few bits for this fraction
                REQUIRE(stochastic<32>::round(x, ups - 1) == f + 1.0f);
                REQUIRE(stochastic<32>::round(x, ups) == f);
                REQUIRE(stochastic<32>::round(-x, ups - 1) == -f - 1.0f);
                REQUIRE(stochastic<32>::round(-x, ups) == -f);
            }
        }
    }
}

TEMPLATE_TEST_CASE_SIG("with the same noise, a larger value is never rounded to less", "[numeric]",
                       ((int NoiseBits), NoiseBits), 8, 16, 32) {
    for (std::uint32_t random = 0; random < 0xff000000u; random += 0x00fedcbau) {
        float last = -4.0f;
        for (int i = -3000; i <= 3000; ++i) {
            float const rounded = stochastic<NoiseBits>::round(static_cast<float>(i) / 1000.0f, random);
            REQUIRE(rounded >= last);
            last = rounded;
        }
    }
}
