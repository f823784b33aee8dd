// SPDX-License-Identifier: Apache-2.0
#include <nibble/nn/gelu.hpp>
#include <nibble/tensor/thread_pool.hpp>

#include <catch2/catch_test_macros.hpp>
#include <nn/layers.hpp>
#include <numeric/ulp.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

using nibble::cpu;
using nibble::matrix;
using nibble_test::from_bits;
using nibble_test::infinity;
using nibble_test::quiet_nan;
using nibble_test::to_bits;

TEST_CASE("geglu has the bits of gelu_tanh · up on every instruction set, over all of float") {
    std::vector<float> gate;
    for (std::uint64_t bits = 0; bits < 0x100000000u; bits += 2011) {
        gate.push_back(from_bits(static_cast<std::uint32_t>(bits)));
    }
    for (float const edge : {-10.05f, -10.06f, -10.0625f, -10.07f, -16.0f, infinity, -infinity}) {
        gate.push_back(edge);
    }
    auto const up = nibble_test::random_floats(gate.size(), 3.0f);
    std::vector<float> expected(gate.size());
    for (std::size_t i = 0; i < gate.size(); ++i) {
        expected[i] = nibble::gelu_tanh(gate[i]) * up[i];
    }
    for (auto const set : supported_sets()) {
        CAPTURE(static_cast<int>(set));
        matrix<float> out(1, gate.size());
        geglu(cpu{}, {gate.data(), 1, gate.size()}, {up.data(), 1, up.size()}, out, set);
        CHECK(nibble_test::same_bits(out.row(0), expected));
    }
}

TEST_CASE("geglu writes over its gate or its up, for any width and 1 to 8 threads") {
    for (std::size_t const columns : {1u, 15u, 16u, 31u, 33u, 2048u}) {
        auto const gate = nibble_test::random_matrix(37, columns, 5.0f, 2);
        auto const up = nibble_test::random_matrix(37, columns, 5.0f, 3);
        matrix<float> expected(37, columns);
        geglu(cpu{}, gate, up, expected);
        for (std::size_t threads = 1; threads <= 8; ++threads) {
            nibble::thread_pool pool(threads);
            auto over_gate = gate;
            auto over_up = up;
            geglu(cpu(pool), over_gate, up, over_gate);
            geglu(cpu(pool), gate, over_up, over_up);
            CHECK(nibble_test::same_bits(over_gate, expected));
            CHECK(nibble_test::same_bits(over_up, expected));
        }
    }
}

TEST_CASE("geglu refuses different shapes and takes empty ones") {
    matrix<float> a(2, 3);
    matrix<float> b(3, 2);
    matrix<float> none;
    CHECK_THROWS_AS(geglu(cpu{}, a, b, a), nibble::error);
    CHECK_THROWS_AS(geglu(cpu{}, a, a, b), nibble::error);
    CHECK_NOTHROW(geglu(cpu{}, none, none, none));
}
