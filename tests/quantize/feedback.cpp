// SPDX-License-Identifier: Apache-2.0
#include <nibble/quantize/feedback.hpp>
#include <nibble/tensor/thread_pool.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <random>
#include <vector>

using namespace nibble;
using Catch::Matchers::ContainsSubstring;

namespace {

constexpr std::size_t columns = 75;

/// Moments of inputs that have much in common; columns 7 and 70 are 0 always.
second_moments moments(std::size_t tokens = 90) {
    std::mt19937 random(3);
    std::normal_distribution<float> normal;
    matrix<float> x(tokens, columns);
    for (std::size_t t = 0; t < tokens; ++t) {
        float const common = normal(random);
        for (std::size_t i = 0; i < columns; ++i) {
            x(t, i) = i % 63 == 7 ? 0.0f : normal(random) + common * static_cast<float>(i % 4);
        }
    }
    second_moments h(columns);
    h.add(cpu{}, x);
    return h;
}

}  // namespace

TEST_CASE("U D Uᵀ is H and the damping, in the order of elimination", "[quantize]") {
    auto const h = moments();
    double mean = 0;
    for (std::size_t i = 0; i < columns; ++i) {
        mean += h(i, i) / (columns - 2);
    }
    for (bool const ordered : {false, true}) {
        feedback const f(cpu{}, h, {.damping = 0.02, .order_by_diagonal = ordered});
        CHECK(f.columns() == columns);
        CHECK(f.left_to_right() == !ordered);
        auto const order = f.order();
        std::vector<std::size_t> sorted(order.begin(), order.end());
        std::sort(sorted.begin(), sorted.end());
        for (std::size_t p = 0; p < columns; ++p) {
            CHECK(sorted[p] == p);
            CHECK((ordered ? p == 0 || h(order[p - 1], order[p - 1]) >= h(order[p], order[p]) : order[p] == p));
        }
        auto const damped = [&](std::size_t i, std::size_t j) {
            double const diagonal = h(i, i) > 0 ? h(i, i) + 0.02 * mean : mean;
            return i == j ? diagonal : h(i, j);
        };
        auto const u = [&](std::size_t i, std::size_t j) { return i == j ? 1.0 : f.u()(i, j); };
        // Of the last position on, D and what U leaves are read off the columns of H one by one.
        std::vector<double> d(columns);
        for (std::size_t j = columns; j-- > 0;) {
            d[j] = damped(order[j], order[j]);
            for (std::size_t p = j + 1; p < columns; ++p) {
                d[j] -= u(j, p) * u(j, p) * d[p];
            }
            REQUIRE(d[j] > 0);
            for (std::size_t i = 0; i < j; ++i) {
                double sum = u(i, j) * d[j];
                for (std::size_t p = j + 1; p < columns; ++p) {
                    sum += u(i, p) * u(j, p) * d[p];
                }
                // The bound of the factor, and once more for the sums here and for the quotients of U.
                double const bound = 3.0 * (columns + 1) * 0x1p-53 / (1 - (columns + 1) * 0x1p-52);
                double const size = std::sqrt(damped(order[i], order[i]) * damped(order[j], order[j]));
                REQUIRE(std::fabs(sum - damped(order[i], order[j])) <= bound * size);
            }
        }
    }
}

TEST_CASE("a column that was 0 in all inputs takes part with no other", "[quantize]") {
    feedback const f(cpu{}, moments(), {.damping = 0});
    for (std::size_t const dead : {7u, 70u}) {
        for (std::size_t i = 0; i < columns; ++i) {
            CHECK((i <= dead || f.u()(dead, i) == 0.0));
            CHECK((i >= dead || f.u()(i, dead) == 0.0));
        }
    }
}

TEST_CASE("P19: a feedback does not depend on the number of threads", "[quantize]") {
    auto const h = moments();
    feedback const alone(cpu{}, h);
    for (std::size_t const threads : {2u, 5u}) {
        thread_pool pool(threads);
        feedback const shared(cpu{pool}, h);
        for (std::size_t i = 0; i < columns; ++i) {
            auto const row = alone.u().row(i).subspan(i);
            REQUIRE(std::ranges::equal(shared.u().row(i).subspan(i), row));
        }
    }
}

TEST_CASE("P5: moments that tell no columns apart, or a wrong damping, are an error that says why", "[quantize]") {
    CHECK_THROWS_WITH(feedback(cpu{}, second_moments(64)), ContainsSubstring("no token"));
    for (double const damping :
         {-0.1, std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
        CHECK_THROWS_WITH(feedback(cpu{}, moments(), {.damping = damping}), ContainsSubstring("damping of"));
    }
    matrix<float> twins(1, 2);
    twins(0, 0) = twins(0, 1) = 1.0f;
    second_moments same(2);
    same.add(cpu{}, twins);
    CHECK_THROWS_WITH(feedback(cpu{}, same, {.damping = 0}),
                      ContainsSubstring("1 tokens") && ContainsSubstring("column 0") && ContainsSubstring("raise it"));
    CHECK_NOTHROW(feedback(cpu{}, same));
}

TEST_CASE("P15: moments of no column make an empty feedback", "[quantize]") {
    CHECK(feedback(cpu{}, second_moments()).columns() == 0);
}
