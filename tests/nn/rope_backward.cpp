// SPDX-License-Identifier: Apache-2.0
#include <nibble/nn/rope_backward.hpp>
#include <nibble/tensor/thread_pool.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <nn/gradients.hpp>
#include <nn/layers.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

using nibble::cpu;
using nibble::matrix;
using nibble::rotation;
using nibble_test::unit_roundoff;

namespace {

double wide(float x) { return static_cast<double>(x); }

/// Σ dy · rotate(x) of one head at position p, in double.
double forward(std::vector<double> const& x, std::span<float const> dy, std::size_t p, double base) {
    std::size_t const half = x.size() / 2;
    double sum = 0;
    for (std::size_t i = 0; i < half; ++i) {
        double const angle =
            static_cast<double>(p) * std::pow(base, -static_cast<double>(i) / static_cast<double>(half));
        double const c = std::cos(angle);
        double const s = std::sin(angle);
        sum += wide(dy[i]) * (x[i] * c - x[i + half] * s) + wide(dy[i + half]) * (x[i + half] * c + x[i] * s);
    }
    return sum;
}

}  // namespace

TEST_CASE("rotate_backward is the derivative of the rotation, within the error of rotate, in every text") {
    for (std::size_t const dim : {2u, 6u, 32u}) {
        CAPTURE(dim);
        std::size_t const first = 1000;
        std::size_t const tokens = 3;
        auto const dy = nibble_test::random_matrix(2 * tokens, 2 * dim, 4.0f);
        auto dx = dy;
        rotate_backward(cpu{}, dx, rotation(first, tokens, dim, 1e4));
        double worst = 0;
        for (std::size_t t = 0; t < 2 * tokens; ++t) {
            for (std::size_t i = 0; i < 2 * dim; ++i) {
                std::size_t const head = i / dim * dim;
                std::vector<double> x(dim);
                auto const out = [&](double by) {
                    x[i % dim] = by;
                    return forward(x, dy.row(t).subspan(head, dim), first + t % tokens, 1e4);
                };
                // Linear in x, so the step may be large; the sum has up to 2 · 32 terms of at most 4 · 2.
                auto const exact = nibble_test::central_difference(out, 1.0, 64 * 64 * 8 * 0x1p-53);
                std::size_t const other = head + (i % dim + dim / 2) % dim;
                double const bound = 3.01 * unit_roundoff * (std::fabs(wide(dy(t, i))) + std::fabs(wide(dy(t, other))));
                worst = nibble_test::worse(worst, std::fabs(wide(dx(t, i)) - exact.value) / (bound + exact.error));
            }
        }
        CHECK(worst <= 1);
    }
}

TEST_CASE("rotate_backward has the same bits on every instruction set, for any texts together and 1, 2 and 5 threads") {
    for (std::size_t const dim : {2u, 48u, 256u}) {
        CAPTURE(dim);
        rotation const angles(7, 30, dim, 1e6, 8.0);
        auto const dy = nibble_test::random_matrix(90, 4 * dim, 4.0f);
        auto expected = dy;
        for (std::size_t text = 0; text < 3; ++text) {
            rotate_backward(cpu{}, {expected.row(text * 30).data(), 30, 4 * dim}, angles, nibble::isa::scalar);
        }
        for (auto const set : supported_sets()) {
            for (std::size_t const threads : {1u, 2u, 5u}) {
                nibble::thread_pool pool(threads);
                auto dx = dy;
                rotate_backward(cpu(pool), dx, angles, set);
                CHECK(nibble_test::same_bits(dx, expected));
            }
        }
    }
}

TEST_CASE("position 0 gets its gradient as it is") {
    auto const dy = nibble_test::random_matrix(1, 64, 4.0f);
    auto dx = dy;
    rotate_backward(cpu{}, dx, rotation(0, 1, 64, 1e4));
    CHECK(dx == dy);
}

TEST_CASE("rotate_backward refuses rows that are not whole texts or heads and takes empty ones") {
    matrix<float> dx(4, 24);
    CHECK_THROWS_MATCHES(
        rotate_backward(cpu{}, dx, rotation(0, 3, 8, 1e4)), nibble::error,
        Catch::Matchers::MessageMatches(Catch::Matchers::ContainsSubstring("got a gradient of 4 x 24 elements and "
                                                                           "angles of 3 positions for heads of 8")));
    CHECK_THROWS_AS(rotate_backward(cpu{}, dx, rotation(0, 2, 16, 1e4)), nibble::error);
    CHECK_THROWS_AS(rotate_backward(cpu{}, dx, rotation(0, 0, 8, 1e4)), nibble::error);
    matrix<float> none(0, 24);
    CHECK_NOTHROW(rotate_backward(cpu{}, none, rotation(0, 0, 8, 1e4)));
    CHECK_NOTHROW(rotate_backward(cpu{}, none, rotation(0, 5, 8, 1e4)));
}
