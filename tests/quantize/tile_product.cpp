// SPDX-License-Identifier: Apache-2.0
#include <nibble/quantize/tile_product.hpp>

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cstddef>
#include <random>
#include <vector>

using namespace nibble;

namespace {

/// Integers, of which sums of products are exact in any order.
std::vector<double> integers(std::size_t count) {
    std::mt19937 random(3);
    std::vector<double> x(count);
    for (double& v : x) {
        v = static_cast<double>(static_cast<int>(random() % 2001) - 1000);
    }
    return x;
}

}  // namespace

TEST_CASE("a tile product adds Σ a[p, i] b[p, j] to what is there", "[quantize]") {
    for (std::size_t const count : {0u, 1u, 7u, 128u}) {
        auto const a = integers(count * detail::tile);
        auto b = a;
        std::shuffle(b.begin(), b.end(), std::mt19937(5));
        auto const before = integers(detail::tile * detail::tile);
        auto c = before;
        detail::add_tile_product(a.data(), b.data(), count, c.data());
        for (std::size_t i = 0; i < detail::tile; ++i) {
            for (std::size_t j = 0; j < detail::tile; ++j) {
                double sum = before[i * detail::tile + j];
                for (std::size_t p = 0; p < count; ++p) {
                    sum += a[p * detail::tile + i] * b[p * detail::tile + j];
                }
                REQUIRE(c[i * detail::tile + j] == sum);
            }
        }
    }
}

TEST_CASE("packed columns and tiles beyond the edge are zero, and are dropped", "[quantize]") {
    matrix<double> x(11, 13);
    for (std::size_t i = 0; i < 11 * 13; ++i) {
        x.data()[i] = static_cast<double>(i + 1);
    }
    auto const before = x;
    std::vector<double> packed(3 * detail::tile, -1.0);
    detail::pack_columns<double>(x, 4, 7, 8, packed.data());
    for (std::size_t p = 0; p < 3; ++p) {
        for (std::size_t i = 0; i < detail::tile; ++i) {
            CHECK(packed[p * detail::tile + i] == (8 + i < 13 ? x(4 + p, 8 + i) : 0.0));
        }
    }
    detail::update_tile(x, 8, 8, [&](double* c) {
        for (std::size_t i = 0; i < detail::tile; ++i) {
            for (std::size_t j = 0; j < detail::tile; ++j) {
                double& v = c[i * detail::tile + j];
                CHECK(v == (8 + i < 11 && 8 + j < 13 ? before(8 + i, 8 + j) : 0.0));
                v = -7.0;
            }
        }
    });
    for (std::size_t i = 0; i < 11; ++i) {
        for (std::size_t j = 0; j < 13; ++j) {
            CHECK(x(i, j) == (i >= 8 && j >= 8 ? -7.0 : before(i, j)));
        }
    }
}

TEST_CASE("add_multiple adds to `count` elements and to no other", "[quantize]") {
    for (std::size_t const count : {0u, 1u, 8u, 21u}) {
        auto const x = integers(count + 1);
        auto y = x;
        detail::add_multiple(3.0, x.data(), count, y.data());
        for (std::size_t i = 0; i <= count; ++i) {
            REQUIRE(y[i] == (i < count ? 4.0 : 1.0) * x[i]);
        }
    }
}
