// SPDX-License-Identifier: Apache-2.0
#include <nibble/nn/embedding_backward.hpp>
#include <nibble/tensor/thread_pool.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <nn/layers.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

using nibble::cpu;
using nibble::matrix;

namespace {

std::vector<std::uint32_t> random_ids(std::size_t count, std::uint32_t below) {
    std::vector<std::uint32_t> ids;
    for (float const x : nibble_test::random_floats(count, 1.0f, 9)) {
        ids.push_back(static_cast<std::uint32_t>((x + 1.0f) * 1000.0f) % below);
    }
    return ids;
}

}  // namespace

TEST_CASE("embed_backward adds the tokens in sequence, with the bits of its formula, on every set and any threads") {
    for (std::size_t const columns : {1u, 15u, 16u, 70u, 640u}) {
        CAPTURE(columns);
        auto const ids = random_ids(100, 7);
        auto const dh = nibble_test::random_matrix(100, columns, 2.0f, 3);
        auto const before = nibble_test::random_matrix(9, columns, 1.0f, 4);
        float const scale = std::sqrt(static_cast<float>(columns));
        auto expected = before;
        for (std::size_t t = 0; t < ids.size(); ++t) {
            for (std::size_t c = 0; c < columns; ++c) {
                expected(ids[t], c) = std::fma(dh(t, c), scale, expected(ids[t], c));
            }
        }
        REQUIRE(nibble_test::same_bits(expected.row(8), before.row(8)));
        for (auto const set : supported_sets()) {
            for (std::size_t const threads : {1u, 2u, 5u}) {
                nibble::thread_pool pool(threads);
                auto table = before;
                embed_backward(cpu(pool), ids, scale, dh, table, set);
                CHECK(nibble_test::same_bits(table, expected));
            }
        }
    }
}

TEST_CASE("embed_backward refuses ids outside the table and shapes that disagree, and writes nothing") {
    matrix<float> table(4, 3);
    auto const dh = nibble_test::random_matrix(2, 3, 1.0f);
    std::vector<std::uint32_t> const outside{1, 4};
    std::vector<std::uint32_t> const three{1, 2, 3};
    CHECK_THROWS_MATCHES(embed_backward(cpu{}, outside, 1.0f, dh, table), nibble::error,
                         Catch::Matchers::MessageMatches(Catch::Matchers::ContainsSubstring("token 1 has the id 4")));
    CHECK_THROWS_MATCHES(embed_backward(cpu{}, three, 1.0f, dh, table), nibble::error,
                         Catch::Matchers::MessageMatches(Catch::Matchers::ContainsSubstring("a gradient of 2 x 3")));
    CHECK(table == matrix<float>(4, 3));
    CHECK_NOTHROW(embed_backward(cpu{}, {}, 1.0f, matrix<float>(0, 3), table));
}
