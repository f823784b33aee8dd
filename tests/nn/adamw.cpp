// SPDX-License-Identifier: Apache-2.0
#include <nibble/nn/adamw.hpp>
#include <nibble/tensor/thread_pool.hpp>

#include <catch2/catch_test_macros.hpp>
#include <nn/layers.hpp>
#include <numeric/ulp.hpp>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

using nibble::adamw_options;
using nibble::bf16;
using nibble::cpu;
using nibble_test::random_floats;
using nibble_test::same_bits;
using nibble_test::unit_roundoff;

namespace {

constexpr adamw_options options{.rate = 3e-3, .beta1 = 0.9, .beta2 = 0.95, .epsilon = 1e-8, .weight_decay = 0.1};
constexpr nibble::random_key key{.seed = 11, .step = 7, .tensor = 5};

/// Weights in the middle of a training.
template <class State>
struct training {
    std::vector<float> w, g;
    std::vector<State> m, v;

    explicit training(std::size_t count)
        : w(random_floats(count, 1.0f, 3)), g(random_floats(count, 1e-3f, 5)), m(count), v(count) {
        auto const means = random_floats(count, 1e-3f, 7);
        for (std::size_t i = 0; i < count; ++i) {  // of 8 bits, so that either state holds it
            m[i] = State(static_cast<float>(bf16(means[i])));
            v[i] = State(static_cast<float>(bf16(1e-6f * std::fabs(w[i]))));
        }
    }

    void step(cpu where, std::uint64_t t, nibble::isa set = nibble::best_isa(), adamw_options const& o = options,
              nibble::random_key with = key) {
        nibble::adamw_step<State>(where, o, t, w, g, m, v, with, set);
    }

    bool same(training const& other) const {
        auto const same_states = [](std::vector<State> const& a, std::vector<State> const& b) {
            return std::memcmp(a.data(), b.data(), a.size() * sizeof(State)) == 0;
        };
        return same_bits(w, other.w) && same_states(m, other.m) && same_states(v, other.v);
    }
};

}  // namespace

TEST_CASE("adamw_step is the formula within its bound, for the first step as for the thousandth") {
    constexpr std::size_t count = 500;
    for (std::uint64_t const t : {1u, 2u, 10u, 1000u}) {
        CAPTURE(t);
        training<float> const before(count);
        auto after = before;
        after.step(cpu{}, t);
        double worst = 0;
        double const steps = static_cast<double>(t);
        for (std::size_t i = 0; i < count; ++i) {
            auto const wide = [&](std::vector<float> const& x) { return static_cast<double>(x[i]); };
            double const g = wide(before.g);
            double const old_mean = options.beta1 * wide(before.m);
            double const new_mean = (1 - options.beta1) * g;
            double const old_square = options.beta2 * wide(before.v);
            double const new_square = (1 - options.beta2) * g * g;
            double const m_bound = 3.01 * unit_roundoff * (std::fabs(old_mean) + std::fabs(new_mean));
            double const v_bound = 3.01 * unit_roundoff * (old_square + new_square);
            double const direction =
                wide(after.m) / (1 - std::pow(options.beta1, steps)) /
                (std::sqrt(wide(after.v) / (1 - std::pow(options.beta2, steps))) + options.epsilon);
            double const decay = options.weight_decay * wide(before.w);
            double const w = wide(before.w) - options.rate * (direction + decay);
            double const w_bound = unit_roundoff * (1.01 * std::fabs(wide(before.w)) +
                                                    9.01 * options.rate * (std::fabs(direction) + std::fabs(decay)));
            worst = std::max({worst, std::fabs(wide(after.m) - (old_mean + new_mean)) / m_bound,
                              std::fabs(wide(after.v) - (old_square + new_square)) / v_bound,
                              std::fabs(wide(after.w) - w) / w_bound});
        }
        CHECK(worst <= 1);
    }
}

TEST_CASE("the first step of adamw_step moves each weight by the rate, however large its gradient") {
    for (float const gradient : {1e-5f, -1.0f, 1e15f}) {
        std::vector<float> w(20, 0.0f), m(20), v(20);
        std::vector<float> const g(20, gradient);
        nibble::adamw_step<float>(cpu{}, {.rate = 0.5}, 1, w, g, m, v);
        double const size = static_cast<double>(std::fabs(gradient));
        double const exact = -std::copysign(0.5 * size / (size + 1e-8), static_cast<double>(gradient));
        for (float const value : w) {  // the bound for w, and half of that of v under the root, and that of m
            REQUIRE(std::fabs(static_cast<double>(value) - exact) <= 14 * unit_roundoff * 0.5);
        }
    }
}

TEST_CASE("adamw_step without gradients takes rate · weight_decay of each weight, and no more") {
    auto w = random_floats(33, 4.0f);
    auto const before = w;
    std::vector<float> const g(33);
    std::vector<float> m(33), v(33);
    nibble::adamw_step<float>(cpu{}, {.rate = 0.25, .weight_decay = 0.5}, 3, w, g, m, v);
    for (std::size_t i = 0; i < 33; ++i) {
        REQUIRE(w[i] == std::fma(-0.125f, before[i], before[i]));
        REQUIRE((m[i] == 0.0f && v[i] == 0.0f));
    }
}

TEST_CASE("adamw_step has the same bits on every instruction set and for 1, 2 and 5 threads") {
    for (std::size_t const count : {1u, 15u, 16u, 33u, 40000u}) {
        CAPTURE(count);
        training<float> f32(count);
        training<bf16> half(count);
        auto const f32_before = f32;
        auto const half_before = half;
        f32.step(cpu{}, 4, nibble::isa::scalar);
        half.step(cpu{}, 4, nibble::isa::scalar);
        for (auto const set : supported_sets()) {
            for (std::size_t const threads : {1u, 2u, 5u}) {
                CAPTURE(static_cast<int>(set), threads);
                nibble::thread_pool pool(threads);
                auto f32_again = f32_before;
                auto half_again = half_before;
                f32_again.step(cpu(pool), 4, set);
                half_again.step(cpu(pool), 4, set);
                CHECK(f32_again.same(f32));
                CHECK(half_again.same(half));
            }
        }
    }
}

TEST_CASE("P21: state in bf16 is the state in f32 rounded by the bits of (seed, step, tensor, element)") {
    training<float> f32(1000);
    training<bf16> half(1000);
    f32.step(cpu{}, 4);
    half.step(cpu{}, 4);
    CHECK(same_bits(half.w, f32.w));
    for (std::size_t i = 0; i < 1000; ++i) {
        std::uint32_t const random = nibble::random_bits(key, i);
        REQUIRE(half.m[i] == nibble::detail::round_at_random(f32.m[i], random & 0xffffu));
        REQUIRE(half.v[i] == nibble::detail::round_at_random(f32.v[i], random >> 16));
    }
    training<bf16> other(1000);
    other.step(cpu{}, 4, nibble::best_isa(), options, {.seed = 11, .step = 8, .tensor = 5});
    CHECK(!other.same(half));
}

TEST_CASE("rounding to bf16 at random keeps the value on average over all noise, and NaN and infinity always") {
    for (float const x : {1.0f, 1.00001f, -3.14159f, 1e-3f, 0x1.fffffep+126f, 0x1p-149f, -0x1.23456p-130f, 0.0f}) {
        double sum = 0;  // exact: 2^16 values of 8 bits and two neighbouring exponents
        for (std::uint32_t noise = 0; noise < 65536; ++noise) {
            sum += static_cast<double>(static_cast<float>(nibble::detail::round_at_random(x, noise)));
        }
        CHECK(sum == 65536 * static_cast<double>(x));
    }
    for (std::uint32_t const noise : {0u, 1u, 32768u, 65535u}) {
        for (std::uint32_t const bits : {0x7f800001u, 0x7fffffffu, 0xffffffffu, 0xff800001u}) {
            auto const nan = nibble::detail::round_at_random(std::bit_cast<float>(bits), noise);
            CHECK(std::isnan(static_cast<float>(nan)));
        }
        for (float const infinity : {nibble_test::infinity, -nibble_test::infinity}) {
            CHECK(static_cast<float>(nibble::detail::round_at_random(infinity, noise)) == infinity);
        }
    }
}

TEST_CASE("a second moment in bf16 decays on average where 1 − β2 is less than half its ulp") {
    constexpr std::size_t count = 1 << 16;
    std::vector<float> w(count);
    std::vector<float> const g(count);
    std::vector<bf16> m(count);
    std::vector<bf16> v(count, bf16(1.0f));
    nibble::adamw_step<bf16>(cpu{}, {.beta2 = 0.999}, 1, w, g, m, v, key);
    double sum = 0;
    for (bf16 const x : v) {
        sum += static_cast<double>(static_cast<float>(x));
    }
    // Each is 1 or 1 − 2^-8: a deviation of at most 2^-9, six of the mean.
    double const mean = sum / static_cast<double>(count);
    CHECK(std::fabs(mean - 0.999) <= 6 * 0x1p-9 / 256);
    CHECK(static_cast<float>(bf16(0.999f)) == 1.0f);
}

TEST_CASE("adamw_step refuses sizes that disagree, a step 0 and options out of range, and then writes nothing") {
    training<float> x(5);
    auto const before = x;
    double const nan = std::numeric_limits<double>::quiet_NaN();
    for (auto const& wrong :
         {adamw_options{.rate = -1}, adamw_options{.rate = nan}, adamw_options{.beta1 = 1}, adamw_options{.beta2 = 1},
          adamw_options{.beta2 = -0.1}, adamw_options{.epsilon = 0}, adamw_options{.epsilon = nan},
          adamw_options{.weight_decay = -1}, adamw_options{.weight_decay = 1e300}}) {
        CHECK_THROWS_AS(x.step(cpu{}, 1, nibble::isa::scalar, wrong), nibble::error);
    }
    CHECK_THROWS_AS(x.step(cpu{}, 0), nibble::error);
    auto const refused = [&](std::span<float> w, std::span<float const> g, std::span<float> m, std::span<float> v) {
        CHECK_THROWS_AS(nibble::adamw_step<float>(cpu{}, options, 1, w, g, m, v), nibble::error);
    };
    std::vector<float> more(6);
    refused(more, x.g, x.m, x.v);
    refused(x.w, more, x.m, x.v);
    refused(x.w, x.g, more, x.v);
    refused(x.w, x.g, x.m, more);
    CHECK(x.same(before));
    CHECK_NOTHROW(nibble::adamw_step<float>(cpu{}, options, 1, {}, {}, {}, {}));
}
