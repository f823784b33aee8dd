// SPDX-License-Identifier: Apache-2.0
#include <nibble/nn/cross_entropy.hpp>
#include <nibble/nn/loss.hpp>
#include <nibble/tensor/thread_pool.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <nn/gradients.hpp>
#include <nn/layers.hpp>
#include <nn/softmax.hpp>
#include <numeric/ulp.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

using nibble::cpu;
using nibble::matrix;
using nibble::no_target;
using nibble_test::divergence;
using nibble_test::doubles;
using nibble_test::log_softmax;
using nibble_test::unit_roundoff;

namespace {

double wide(float x) { return static_cast<double>(x); }

/// 6.1 or 7.1 (`roundings`) + |a| + ln n, times u p: the error of a weight over the sum of all. a = ln p − max ln p.
std::vector<double> weight_bounds(std::vector<double> const& log_p, double roundings) {
    double const most = *std::max_element(log_p.begin(), log_p.end());
    std::vector<double> result;
    for (double const x : log_p) {
        double const relative = roundings + (most - x) + std::log(static_cast<double>(log_p.size()));
        result.push_back(unit_roundoff * std::exp(x) * relative);
    }
    return result;
}

std::vector<std::uint32_t> some_targets(std::size_t rows, std::size_t columns) {
    std::vector<std::uint32_t> result;
    for (std::size_t i = 0; i < rows; ++i) {
        result.push_back(i % 4 == 2 ? no_target : static_cast<std::uint32_t>(i * 31 % columns));
    }
    return result;
}

constexpr float factor = -0.37f;

}  // namespace

TEST_CASE("cross_entropy_gradient sums cross_entropy over rows with a target, and is its derivative") {
    for (std::size_t const columns : {1u, 2u, 17u, 40u}) {
        for (float const size : {1e-3f, 1.0f, 15.0f}) {
            CAPTURE(columns, size);
            auto const logits = nibble_test::random_matrix(6, columns, size, 5);
            auto const targets = some_targets(6, columns);
            auto gradient = logits;
            double const loss = cross_entropy_gradient(cpu{}, gradient, targets, factor);
            double expected = 0;
            double worst = 0;
            for (std::size_t row = 0; row < 6; ++row) {
                if (targets[row] == no_target) {
                    REQUIRE(std::ranges::all_of(gradient.row(row), [](float x) { return x == 0.0f; }));
                    continue;
                }
                expected += nibble::cross_entropy(logits.row(row), targets[row]);
                auto x = doubles(logits.row(row));
                auto const log_p = log_softmax(x);
                auto bounds = weight_bounds(log_p, 6.1);
                double others = 0;
                for (std::size_t c = 0; c < columns; ++c) {
                    others += c == targets[row] ? 0.0 : bounds[c];
                }
                bounds[targets[row]] = others + 1.01 * unit_roundoff * (1 - std::exp(log_p[targets[row]]));
                for (std::size_t c = 0; c < columns; ++c) {
                    double const at = x[c];
                    auto const minus_log = [&](double by) {
                        x[c] = at + by;
                        double const result = -log_softmax(x)[targets[row]];
                        x[c] = at;
                        return result;
                    };
                    // The result is rounded from numbers below 64, some 4 times.
                    auto const exact = nibble_test::central_difference(minus_log, 1e-4, 4 * 64 * 0x1p-53);
                    double const bound = std::fabs(wide(factor)) * (bounds[c] + exact.error) + 0x1p-149;
                    worst = nibble_test::worse(worst,
                                               std::fabs(wide(gradient(row, c)) - wide(factor) * exact.value) / bound);
                }
            }
            CHECK(loss == expected);
            CHECK(worst <= 1);
        }
    }
}

TEST_CASE("cross_entropy_gradient keeps its stated error for many logits, and its digits where p is near 1") {
    for (float const boost : {0.0f, 30.0f}) {
        std::size_t const columns = 5003;
        auto logits = nibble_test::random_matrix(1, columns, 8.0f, 7);
        logits(0, 77) += boost;
        auto gradient = logits;
        cross_entropy_gradient(cpu{}, gradient, std::vector<std::uint32_t>{77}, factor);
        auto const log_p = log_softmax(doubles(logits.row(0)));
        auto const bounds = weight_bounds(log_p, 6.1);
        double others = 0;
        double bound = 0;
        double worst = 0;
        for (std::size_t c = 0; c < columns; ++c) {
            if (c != 77) {
                double const exact = std::exp(log_p[c]);
                others += exact;
                bound += bounds[c];
                worst = nibble_test::worse(worst, std::fabs(wide(gradient(0, c)) / wide(factor) - exact) / bounds[c]);
            }
        }
        CHECK(worst <= 1);
        CHECK(std::fabs(wide(gradient(0, 77)) / wide(factor) + others) <= bound + 1.01 * unit_roundoff * others);
    }
}

TEST_CASE("distillation_gradient is T² KL and its derivative, within the stated errors") {
    for (std::size_t const columns : {1u, 2u, 17u, 40u}) {
        for (float const temperature : {0.5f, 1.0f, 3.0f}) {
            CAPTURE(columns, temperature);
            auto const logits = nibble_test::random_matrix(5, columns, 6.0f, 5);
            auto const teacher = nibble_test::random_matrix(5, columns, 6.0f, 6);
            auto const targets = some_targets(5, columns);
            auto gradient = logits;
            double const loss = distillation_gradient(cpu{}, gradient, teacher, targets, temperature, factor);
            double const scale = wide(1.0f / temperature);
            double const t = wide(temperature);
            double expected = 0;
            double loss_bound = 0;
            double worst = 0;
            for (std::size_t row = 0; row < 5; ++row) {
                if (targets[row] == no_target) {
                    REQUIRE(std::ranges::all_of(gradient.row(row), [](float x) { return x == 0.0f; }));
                    continue;
                }
                auto x = doubles(logits.row(row));
                auto const p = log_softmax(doubles(teacher.row(row)), scale);
                auto const q = log_softmax(x, scale);
                expected += t * t * divergence(p, q);
                auto const p_bounds = weight_bounds(p, 7.1);
                auto const q_bounds = weight_bounds(q, 7.1);
                double const n = static_cast<double>(columns);
                double relative = 4.1 + 2 * std::log(n);
                for (std::size_t c = 0; c < columns; ++c) {
                    // p_bounds, with 4.1 roundings instead.
                    relative += (p_bounds[c] / unit_roundoff - 3 * std::exp(p[c])) * std::fabs(p[c] - q[c]);
                    double const at = x[c];
                    auto const value = [&](double by) {
                        x[c] = at + by;
                        double const result = t * t * divergence(p, log_softmax(x, scale));
                        x[c] = at;
                        return result;
                    };
                    // The sum is rounded from numbers below 9 · 64, some 50 times.
                    auto const exact = nibble_test::central_difference(value, 1e-3, 50 * 9 * 64 * 0x1p-53);
                    // T² s is T but for the rounding of s.
                    double const rounded = unit_roundoff * std::fabs(exact.value);
                    double const bound =
                        std::fabs(wide(factor)) * (t * (p_bounds[c] + q_bounds[c]) + rounded + exact.error) + 0x1p-149;
                    worst = nibble_test::worse(worst,
                                               std::fabs(wide(gradient(row, c)) - wide(factor) * exact.value) / bound);
                }
                // 1e-13: of sums in double, of at most 40 terms below 16.
                loss_bound += t * t * unit_roundoff * relative + 1e-13;
            }
            CHECK(worst <= 1);
            CHECK(std::fabs(loss - expected) <= loss_bound);
        }
    }
}

TEST_CASE("equal logits have no divergence and no gradient") {
    auto const logits = nibble_test::random_matrix(3, 1003, 20.0f, 5);
    auto gradient = logits;
    CHECK(distillation_gradient(cpu{}, gradient, logits, std::vector<std::uint32_t>(3), 2.0f, 1.0f) == 0.0);
    for (float const x : nibble_test::elements(gradient)) {
        // fma(w, c, −(w c rounded)) is the rounding of a product w c <= 2.
        REQUIRE(std::fabs(wide(x)) <= 2 * unit_roundoff);
    }
}

TEST_CASE("losses and gradients have the same bits on every instruction set and for 1, 2 and 5 threads") {
    for (std::size_t const columns : {1u, 15u, 33u, 2000u}) {
        CAPTURE(columns);
        auto const logits = nibble_test::random_matrix(40, columns, 9.0f, 5);
        auto const teacher = nibble_test::random_matrix(40, columns, 9.0f, 6);
        auto const targets = some_targets(40, columns);
        auto expected = logits;
        auto expected_distilled = logits;
        double const loss = cross_entropy_gradient(cpu{}, expected, targets, factor, nibble::isa::scalar);
        double const distilled =
            distillation_gradient(cpu{}, expected_distilled, teacher, targets, 2.0f, factor, nibble::isa::scalar);
        for (auto const set : supported_sets()) {
            for (std::size_t const threads : {1u, 2u, 5u}) {
                nibble::thread_pool pool(threads);
                auto a = logits;
                auto b = logits;
                CHECK(cross_entropy_gradient(cpu(pool), a, targets, factor, set) == loss);
                CHECK(distillation_gradient(cpu(pool), b, teacher, targets, 2.0f, factor, set) == distilled);
                CHECK(nibble_test::same_bits(a, expected));
                CHECK(nibble_test::same_bits(b, expected_distilled));
            }
        }
    }
}

TEST_CASE(
    "a logit that is not finite makes its row NaN, but −infinity is a probability of 0 to cross_entropy_gradient") {
    auto logits = nibble_test::random_matrix(3, 20, 1.0f, 5);
    logits(1, 7) = nibble_test::quiet_nan;
    logits(2, 7) = -nibble_test::infinity;
    auto a = logits;
    CHECK(std::isnan(cross_entropy_gradient(cpu{}, a, std::vector<std::uint32_t>(3), 1.0f)));
    CHECK(std::isnan(a(1, 3)));
    CHECK(std::isfinite(a(2, 3)));
    CHECK(a(2, 7) == 0.0f);
    auto const teacher = nibble_test::random_matrix(3, 20, 1.0f, 6);
    CHECK(std::isnan(distillation_gradient(cpu{}, logits, teacher, std::vector<std::uint32_t>(3), 1.0f, 1.0f)));
}

TEST_CASE("losses refuse targets, shapes and temperatures that do not fit, and take no rows") {
    using Catch::Matchers::ContainsSubstring;
    using Catch::Matchers::MessageMatches;
    matrix<float> x(2, 3);
    matrix<float> const other(3, 2);
    matrix<float> none(0, 3);
    std::vector<std::uint32_t> const beyond{0, 3};
    std::vector<std::uint32_t> const one{0};
    std::vector<std::uint32_t> const two{0, no_target};
    CHECK_THROWS_MATCHES(cross_entropy_gradient(cpu{}, x, beyond, 1.0f), nibble::error,
                         MessageMatches(ContainsSubstring("got target 3 for row 1 of 3 logits")));
    CHECK_THROWS_MATCHES(cross_entropy_gradient(cpu{}, x, one, 1.0f), nibble::error,
                         MessageMatches(ContainsSubstring("2 rows of logits and 1 targets")));
    CHECK_THROWS_MATCHES(distillation_gradient(cpu{}, x, other, two, 1.0f, 1.0f), nibble::error,
                         MessageMatches(ContainsSubstring("logits of 2 x 3 elements and a teacher's of 3 x 2")));
    for (float const t : {0.0f, -1.0f, nibble_test::quiet_nan, nibble_test::infinity, 1e-40f}) {
        CHECK_THROWS_MATCHES(distillation_gradient(cpu{}, x, x, two, t, 1.0f), nibble::error,
                             MessageMatches(ContainsSubstring("got a temperature of")));
    }
    CHECK(x == matrix<float>(2, 3));
    CHECK(cross_entropy_gradient(cpu{}, none, {}, 1.0f) == 0.0);
    CHECK(distillation_gradient(cpu{}, none, none, {}, 1.0f, 1.0f) == 0.0);
}
