// SPDX-License-Identifier: Apache-2.0
#include <nibble/nn/cross_entropy.hpp>

#include <catch2/catch_test_macros.hpp>
#include <nn/layers.hpp>
#include <numeric/ulp.hpp>

#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

using nibble::cross_entropy;
using nibble_test::infinity;
using nibble_test::quiet_nan;

namespace {

long double exact_cross_entropy(std::vector<float> const& logits, std::size_t target) {
    long double sum = 0;
    for (float const x : logits) {
        sum += std::exp(static_cast<long double>(x) - logits[target]);
    }
    return std::log(sum);
}

}  // namespace

TEST_CASE("cross_entropy is within its stated error, for few and many logits, near and far apart") {
    for (std::size_t const count : {1u, 2u, 15u, 16u, 17u, 1000u, 262144u}) {
        for (float const size : {1e-3f, 1.0f, 10.0f, 40.0f}) {
            CAPTURE(count, size);
            auto const logits = nibble_test::random_floats(count, size);
            std::size_t const target = count / 3;
            double const exact = static_cast<double>(exact_cross_entropy(logits, target));
            // The last term is the rounding of a double.
            double const bound =
                nibble_test::unit_roundoff * (2.1 + std::log(static_cast<double>(count))) + 1e-14 * (exact + 1);
            for (auto const set : supported_sets()) {
                CHECK(std::fabs(cross_entropy(logits, target, set) - exact) <= bound);
            }
        }
    }
}

TEST_CASE("cross_entropy has the same bits on every instruction set") {
    for (std::size_t const count : {1u, 31u, 32u, 1000u, 4099u}) {
        auto const logits = nibble_test::random_floats(count, 20.0f);
        for (auto const set : supported_sets()) {
            CHECK(cross_entropy(logits, 0, set) == cross_entropy(logits, 0, nibble::isa::scalar));
        }
    }
}

TEST_CASE("cross_entropy of equal logits is ln n, of one logit 0; the largest floats do not overflow") {
    CHECK(cross_entropy(std::vector<float>(64, -7.0f), 3) == std::log(64.0));
    CHECK(cross_entropy(std::vector<float>{1e38f}, 0) == 0.0);
    CHECK(cross_entropy(std::vector<float>{3e38f, -3e38f}, 1) == 2.0 * static_cast<double>(3e38f));
}

TEST_CASE("in cross_entropy −infinity has no weight; NaN and infinity give NaN wherever they stand") {
    CHECK(cross_entropy(std::vector<float>{1.0f, -infinity, 1.0f}, 0) == std::log(2.0));
    CHECK(cross_entropy(std::vector<float>{1.0f, -infinity}, 1) == std::numeric_limits<double>::infinity());
    for (std::size_t i = 0; i < 37; ++i) {
        for (float const bad : {quiet_nan, infinity}) {
            std::vector<float> logits(37, 1.0f);
            logits[i] = bad;
            for (auto const set : supported_sets()) {
                REQUIRE(std::isnan(cross_entropy(logits, 5, set)));
            }
        }
    }
}

TEST_CASE("a target beyond the logits is refused") {
    CHECK_THROWS_AS(cross_entropy(std::vector<float>(3), 3), nibble::error);
    CHECK_THROWS_AS(cross_entropy({}, 0), nibble::error);
}
