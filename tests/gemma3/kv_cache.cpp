// SPDX-License-Identifier: Apache-2.0
#include <nibble/gemma3/kv_cache.hpp>

#include <catch2/catch_test_macros.hpp>

using namespace nibble;

namespace {

// Layer 5 is global, the others see 8 tokens; one KV head of 4.
constexpr gemma3::configuration small{.hidden = 8,
                                      .layers = 6,
                                      .heads = 1,
                                      .kv_heads = 2,
                                      .head_dim = 4,
                                      .ffn = 8,
                                      .vocabulary = 10,
                                      .window = 8,
                                      .context = 100};

matrix<float> rows(std::size_t first, std::size_t count) {
    matrix<float> x(count, 8);
    for (std::size_t t = 0; t < count; ++t) {
        for (std::size_t i = 0; i < 8; ++i) {
            x(t, i) = static_cast<float>((first + t) * 8 + i);
        }
    }
    return x;
}

}  // namespace

TEST_CASE("a global layer keeps all positions, a local one the window behind every token of a batch", "[gemma3]") {
    gemma3::kv_cache cache(small, 40, 3);
    CHECK(cache.view(5).capacity == 40);
    CHECK(cache.view(0).capacity == 8 - 1 + 3);
    CHECK(cache.bytes() == 2 * sizeof(float) * 8 * (40 + 5 * 10));
    for (std::size_t first = 0; first < 39; first += 3) {
        auto const x = rows(first, 3);
        cache.require_room(3);
        for (std::size_t layer = 0; layer < 6; ++layer) {
            cache.put(layer, x, x);
        }
        for (std::size_t layer : {std::size_t{0}, std::size_t{5}}) {
            auto const view = cache.view(layer);
            std::size_t const last = first + 2;
            std::size_t const seen = layer == 5 ? last + 1 : std::min<std::size_t>(last + 1, 10);
            for (std::size_t p = last + 1 - seen; p <= last; ++p) {
                for (std::size_t head = 0; head < 2; ++head) {
                    float const expected = static_cast<float>(p * 8 + head * 4 + 3);
                    CHECK(view.keys[(head * view.capacity + p % view.capacity) * 4 + 3] == expected);
                    CHECK(view.values[(head * view.capacity + p % view.capacity) * 4 + 3] == expected);
                }
            }
        }
        cache.advance(3);
    }
    CHECK(cache.length() == 39);
    CHECK_NOTHROW(cache.require_room(1));
    CHECK_THROWS_AS(cache.require_room(2), error);
    cache.clear();
    CHECK_NOTHROW(cache.require_room(40));
}

TEST_CASE("a cache needs room for a token", "[gemma3]") {
    CHECK_THROWS_AS(gemma3::kv_cache(small, 0, 1), error);
    CHECK_THROWS_AS(gemma3::kv_cache(small, 1, 0), error);
    CHECK_THROWS_AS(gemma3::kv_cache(small, static_cast<std::size_t>(-1), 1), error);
    CHECK(gemma3::kv_cache(small, 2, 100).batch() == 2);
}
