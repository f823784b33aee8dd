// SPDX-License-Identifier: Apache-2.0
#include <nibble/io/token_order.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <set>
#include <vector>

using namespace nibble;
using Catch::Matchers::ContainsSubstring;

namespace {

using list = std::vector<std::uint64_t>;

list epoch_of(std::uint64_t seed, std::uint64_t epoch, std::uint64_t count) {
    list order(count);
    for (std::uint64_t i = 0; i < count; ++i) {
        order[i] = detail::shuffled(seed, epoch, count, i);
    }
    return order;
}

}  // namespace

static_assert(detail::shuffled(0, 0, 1, 0) == 0);

TEST_CASE("An epoch has each window once, for any number of windows", "[io]") {
    for (std::uint64_t count = 1; count <= 300; ++count) {
        auto order = epoch_of(count, 3, count);
        std::ranges::sort(order);
        list all(count);
        std::iota(all.begin(), all.end(), 0);
        REQUIRE(order == all);
    }
    for (std::uint64_t const count : {4095u, 4096u, 4097u, 100003u}) {
        auto order = epoch_of(1, 0, count);
        std::ranges::sort(order);
        for (std::uint64_t i = 0; i < count; ++i) {
            REQUIRE(order[i] == i);
        }
    }
    // The widest halves have 32 bits.
    for (std::uint64_t const count : {(std::uint64_t{1} << 62) + 1, ~std::uint64_t{0}}) {
        CHECK(detail::shuffled(1, 0, count, 0) < count);
        CHECK(detail::shuffled(1, 0, count, 0) != detail::shuffled(1, 0, count, 1));
    }
}

TEST_CASE("The order is pinned", "[io]") {
    CHECK(epoch_of(1, 0, 10) == list{1, 5, 9, 3, 8, 6, 4, 7, 2, 0});
    CHECK(epoch_of(1, 1, 10) == list{1, 3, 9, 6, 5, 8, 0, 7, 2, 4});
    CHECK(epoch_of(2, 0, 10) == list{6, 7, 9, 4, 0, 3, 2, 1, 8, 5});
    CHECK(detail::shuffled(7, 1000, 1000000007, 123456789) == 993007602);
}

TEST_CASE("Epochs and seeds have orders of their own", "[io]") {
    // Two random orders of 100 agree in one place on the average, and in 10 or more with probability below 1 / 10!.
    auto const agree = [](list const& a, list const& b) {
        int same = 0;
        for (std::size_t i = 0; i < a.size(); ++i) {
            same += a[i] == b[i] ? 1 : 0;
        }
        return same;
    };
    for (std::uint64_t i = 0; i < 100; ++i) {
        CHECK(agree(epoch_of(1, i, 100), epoch_of(1, i + 1, 100)) < 10);
        CHECK(agree(epoch_of(i, 5, 100), epoch_of(i + 1, 5, 100)) < 10);
        CHECK(agree(epoch_of(i, i, 100), epoch_of(i + 1, i + 1, 100)) < 10);
    }
}

TEST_CASE("Any window is equally likely in any place, and any two in sequence", "[io]") {
    constexpr std::uint64_t n = 7;
    constexpr int epochs = 20000;
    std::vector<int> place(n * n), after(n * n);
    for (int epoch = 0; epoch < epochs; ++epoch) {
        auto const order = epoch_of(42, static_cast<std::uint64_t>(epoch), n);
        for (std::uint64_t i = 0; i < n; ++i) {
            ++place[i * n + order[i]];
        }
        ++after[order[2] * n + order[3]];
    }
    // A count is binomial; it is further than 6 standard deviations from its mean with probability 2e-9.
    auto const near = [](int count, double probability) {
        double const mean = epochs * probability;
        return std::abs(count - mean) < 6 * std::sqrt(mean * (1 - probability));
    };
    for (std::uint64_t i = 0; i < n; ++i) {
        for (std::uint64_t j = 0; j < n; ++j) {
            CHECK(near(place[i * n + j], 1.0 / n));
            if (i == j) {
                CHECK(after[i * n + j] == 0);
            } else {
                CHECK(near(after[i * n + j], 1.0 / (n * (n - 1))));
            }
        }
    }
}

TEST_CASE("An epoch predicts every token of the text but the first, by whole windows", "[io]") {
    for (std::uint64_t const length : {1u, 2u, 7u, 16u}) {
        for (std::uint64_t tokens = length + 1; tokens < 70; ++tokens) {
            token_order const order(9, tokens, length, 1);
            INFO(tokens << " tokens in windows of " << length);
            REQUIRE(order.windows() == (tokens - 1 + length - 1) / length);
            for (std::uint64_t epoch = 0; epoch < 2; ++epoch) {
                std::set<std::uint64_t> predicted, begins;
                for (std::uint64_t i = 0; i < order.windows(); ++i) {
                    auto const begin = order(epoch * order.windows() + i, 0);
                    REQUIRE(begin + length < tokens);
                    begins.insert(begin);
                    for (std::uint64_t t = 1; t <= length; ++t) {
                        predicted.insert(begin + t);
                    }
                }
                CHECK(begins.size() == order.windows());
                CHECK(predicted.size() == tokens - 1);
            }
        }
    }
}

TEST_CASE("Slots of steps go through the same order whatever the batch", "[io]") {
    token_order const one(3, 1000, 16, 1), four(3, 1000, 16, 4);
    for (std::uint64_t place = 0; place < 200; ++place) {
        CHECK(four(place / 4, place % 4) == one(place, 0));
    }
}

TEST_CASE("A text without a whole window is refused", "[io]") {
    CHECK_THROWS_WITH(token_order(1, 16, 16, 1), ContainsSubstring("16 tokens, fewer than a window of 16"));
    CHECK_THROWS_WITH(token_order(1, 0, 1, 1), ContainsSubstring("longer text"));
    CHECK_THROWS_WITH(token_order(1, 9, 0, 1), ContainsSubstring("one or more"));
    CHECK_THROWS_WITH(token_order(1, 9, 4, 0), ContainsSubstring("one or more"));
    CHECK(token_order(1, 2, 1, 1)(5, 0) == 0);
}
