// SPDX-License-Identifier: Apache-2.0
#include <nibble/numeric/bf16.hpp>
#include <nibble/numeric/f16.hpp>
#include <nibble/tensor/rounded.hpp>
#include <nibble/tensor/thread_pool.hpp>

#include <catch2/catch_test_macros.hpp>

using namespace nibble;

TEST_CASE("every value becomes the nearest of the type, on any number of threads", "[tensor]") {
    matrix<float> x(7, 5);
    for (std::size_t i = 0; i < 35; ++i) {
        x.data()[i] = 1.0f + static_cast<float>(i) * 0x1p-9f;
    }
    thread_pool pool(3);
    auto const half = rounded_to<f16>(cpu{pool}, x);
    auto const brain = rounded_to<bf16>(cpu{}, x);
    for (std::size_t i = 0; i < 35; ++i) {
        CHECK(half.data()[i] == x.data()[i]);  // 10 bits behind the point
    }
    CHECK(brain(0, 1) == 1.0f);            // 2^-9 of a step of 2^-7
    CHECK(brain(0, 2) == 1.0f);            // a tie, to even
    CHECK(brain(0, 3) == 1.0f + 0x1p-7f);  // beyond it
    CHECK(brain(1, 1) == 1.0f + 0x1p-6f);  // 6 · 2^-9, a tie, to even
    CHECK(rounded_to<bf16>(cpu{}, matrix<float>(0, 4)).rows() == 0);
}
