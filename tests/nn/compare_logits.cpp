// SPDX-License-Identifier: Apache-2.0
#include <nibble/nn/compare_logits.hpp>

#include <catch2/catch_test_macros.hpp>
#include <nn/layers.hpp>
#include <nn/softmax.hpp>

#include <cmath>
#include <cstddef>
#include <vector>

using nibble_test::divergence;
using nibble_test::doubles;
using nibble_test::log_softmax;
using nibble_test::unit_roundoff;

TEST_CASE("compare_logits gives KL and whether the first of the largest is the same") {
    std::vector<float> const reference{0.5f, 3.0f, -1.0f, 3.0f, 2.0f};
    auto const p = log_softmax(doubles(reference));
    struct expectation {
        std::vector<float> logits;
        bool same_top;
    };
    for (auto const& [logits, same_top] :
         {expectation{{0.0f, 4.0f, 1.0f, 2.0f, 2.0f}, true}, expectation{{0.0f, 2.0f, 1.0f, 4.0f, 2.0f}, false},
          expectation{{9.0f, 9.0f, 1.0f, 4.0f, 2.0f}, false}}) {
        auto const q = log_softmax(doubles(logits));
        double relative = 4.1 + 2 * std::log(5.0);
        for (std::size_t c = 0; c < 5; ++c) {
            relative += std::exp(p[c]) * (4.1 + (p[1] - p[c]) + std::log(5.0)) * std::fabs(p[c] - q[c]);
        }
        for (auto const set : supported_sets()) {
            auto const got = nibble::compare_logits(reference, logits, set);
            // 1e-13: of sums in double, of at most 40 terms below 16.
            CHECK(std::fabs(got.divergence - divergence(p, q)) <= unit_roundoff * relative + 1e-13);
            CHECK(got.same_top == same_top);
        }
    }
    CHECK(nibble::compare_logits(reference, reference).divergence == 0.0);
}

TEST_CASE("compare_logits refuses logits of two vocabularies, and none") {
    std::vector<float> const two(2), three(3);
    CHECK_THROWS_AS(nibble::compare_logits(two, three), nibble::error);
    CHECK_THROWS_AS(nibble::compare_logits({}, {}), nibble::error);
}
