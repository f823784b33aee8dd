// SPDX-License-Identifier: Apache-2.0
#include <nibble/tensor/backend.hpp>
#include <nibble/tensor/thread_pool.hpp>

#include <catch2/catch_test_macros.hpp>

#include <atomic>
#include <cstddef>
#include <stdexcept>
#include <vector>

TEST_CASE("every index is visited once, for any count and number of threads") {
    for (std::size_t const threads : {1u, 2u, 3u, 8u}) {
        nibble::thread_pool pool(threads);
        CHECK(pool.size() == threads);
        for (std::size_t const count : {0u, 1u, 2u, 7u, 33u, 1000u}) {
            std::vector<int> visits(count);
            nibble::cpu(pool).parallel_for(count, [&](std::size_t begin, std::size_t end) {
                for (std::size_t i = begin; i < end; ++i) {
                    ++visits[i];
                }
            });
            CHECK(visits == std::vector<int>(count, 1));
        }
    }
}

TEST_CASE("an exception in a piece reaches the caller and the pool goes on") {
    nibble::thread_pool pool(4);
    for (int repeat = 0; repeat < 50; ++repeat) {
        CHECK_THROWS_AS(pool.parallel_for(100,
                                          [](std::size_t begin, std::size_t end) {
                                              if (begin <= 57 && 57 < end) {
                                                  throw std::runtime_error("57");
                                              }
                                          }),
                        std::runtime_error);
    }
    std::atomic<std::size_t> sum{0};
    pool.parallel_for(100, [&](std::size_t begin, std::size_t end) { sum += end - begin; });
    CHECK(sum == 100);
}

TEST_CASE("a loop inside a loop of the same pool is done by its caller") {
    nibble::thread_pool pool(3);
    std::atomic<std::size_t> sum{0};
    pool.parallel_for(10, [&](std::size_t begin, std::size_t end) {
        for (std::size_t i = begin; i < end; ++i) {
            pool.parallel_for(10, [&](std::size_t b, std::size_t e) { sum += e - b; });
        }
    });
    CHECK(sum == 100);
}
