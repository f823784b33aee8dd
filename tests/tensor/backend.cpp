// SPDX-License-Identifier: Apache-2.0
#include <nibble/tensor/backend.hpp>
#include <nibble/tensor/thread_pool.hpp>

#include <catch2/catch_test_macros.hpp>

#include <concepts>
#include <cstddef>
#include <limits>
#include <thread>
#include <vector>

namespace {

/// A pool of a user's own: a new thread for each third of a loop.
struct three_threads {
    int loops = 0;

    std::size_t size() const { return 3; }

    template <class F>
    void parallel_for(std::size_t count, F const& f) {
        ++loops;
        std::vector<std::thread> threads;
        for (std::size_t i = 0; i < 3; ++i) {
            threads.emplace_back([=] { f(count * i / 3, count * (i + 1) / 3); });
        }
        for (auto& thread : threads) {
            thread.join();
        }
    }
};

static_assert(std::constructible_from<nibble::cpu, three_threads&>);
static_assert(!std::constructible_from<nibble::cpu, std::vector<int> const>);
static_assert(!std::convertible_to<three_threads&, nibble::cpu>);

}  // namespace

TEST_CASE("without a pool the caller does all at once, and nothing for an empty loop") {
    nibble::cpu const where;
    CHECK(where.threads() == 1);
    std::vector<std::size_t> seen;
    where.parallel_for(0, [&](std::size_t, std::size_t) { seen.push_back(0); });
    where.parallel_for(7, [&](std::size_t begin, std::size_t end) { seen.insert(seen.end(), {begin, end}); });
    CHECK(seen == std::vector<std::size_t>{0, 7});
}

TEST_CASE("anything that has the loop of a thread pool is one") {
    three_threads pool;
    nibble::cpu where(pool);
    nibble::cpu const copy(where);
    CHECK(copy.threads() == 3);
    std::vector<int> visits(100);
    copy.parallel_for(100, [&](std::size_t begin, std::size_t end) {
        for (std::size_t i = begin; i < end; ++i) {
            ++visits[i];
        }
    });
    CHECK(visits == std::vector<int>(100, 1));
    CHECK(pool.loops == 1);
}

TEST_CASE("subnormal numbers are in force on every thread of a pool") {
    nibble::thread_pool pool(3);
    std::vector<float> halves(30);
    nibble::cpu(pool).parallel_for(30, [&](std::size_t begin, std::size_t end) {
        for (std::size_t i = begin; i < end; ++i) {
            float volatile smallest = (std::numeric_limits<float>::min)();
            halves[i] = smallest / 2;
        }
    });
    CHECK(halves == std::vector<float>(30, (std::numeric_limits<float>::min)() / 2));
}
