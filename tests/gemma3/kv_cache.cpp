// SPDX-License-Identifier: Apache-2.0
#include <nibble/gemma3/kv_cache.hpp>
#include <nibble/quantize/quantize.hpp>
#include <nibble/scheme/presets.hpp>

#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <type_traits>
#include <variant>

using namespace nibble;
using Catch::Matchers::ContainsSubstring;

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
    CHECK(std::get<kv_view<float>>(cache.view(5)).capacity == 40);
    CHECK(std::get<kv_view<float>>(cache.view(0)).capacity == 8 - 1 + 3);
    CHECK(cache.bytes() == 2 * sizeof(float) * 8 * (40 + 5 * 10));
    for (std::size_t first = 0; first < 39; first += 3) {
        auto const x = rows(first, 3);
        cache.require_room(3);
        for (std::size_t layer = 0; layer < 6; ++layer) {
            cache.put(layer, x, x);
        }
        for (std::size_t layer : {std::size_t{0}, std::size_t{5}}) {
            auto const view = std::get<kv_view<float>>(cache.view(layer));
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

TEMPLATE_TEST_CASE("a cache of 16 bits takes half and holds the nearest values, ties to even", "[gemma3]", f16, bf16) {
    constexpr bool half = std::is_same_v<TestType, f16>;
    gemma3::kv_cache cache(small, 40, 3, half ? kv_type::f16 : kv_type::bf16);
    CHECK(cache.type() == (half ? kv_type::f16 : kv_type::bf16));
    CHECK(cache.config() == small);
    CHECK(cache.bytes() == 2 * 2 * 8 * (40 + 5 * 10));
    CHECK(2 * cache.bytes() == gemma3::kv_cache(small, 40, 3).bytes());
    matrix<float> k(1, 8), v(1, 8);
    for (std::size_t i = 0; i < 8; ++i) {
        k(0, i) = 1 + static_cast<float>(i) / (half ? 2048 : 256);  // odd i: a tie
        v(0, i) = -0.3f * static_cast<float>(i);
    }
    cache.put(0, k, v);
    auto const view = std::get<kv_view<TestType>>(cache.view(0));
    for (std::size_t i = 0; i < 8; ++i) {
        std::size_t const at = i / 4 * view.capacity * 4 + i % 4;
        float const even = static_cast<float>((i + 1) / 4 * 4 + (i % 4 == 2 ? 2 : 0));
        CHECK(static_cast<float>(view.keys[at]) == 1 + even / (half ? 2048 : 256));
        CHECK(view.values[at] == TestType(v(0, i)));
    }
}

TEST_CASE("a cache of int8 keeps the codes of int8_token, a row a head and token, and gives them back", "[gemma3]") {
    gemma3::kv_cache cache(small, 40, 3, kv_type::int8);
    CHECK(cache.bytes() == (2 * 8 + 2 * 2 * 4) * (40 + 5 * 10));
    matrix<float> k(3, 8), v(3, 8);
    for (std::size_t i = 0; i < 24; ++i) {
        k.data()[i] = std::sin(static_cast<float>(i));
        v.data()[i] = i < 8 ? 0.0f : -0.3f * static_cast<float>(i);
    }
    v(2, 6) = std::numeric_limits<float>::quiet_NaN();
    cache.put(0, k, v);
    auto const rows = [](matrix<float> const& x) { return matrix_view<float const>(x.data(), x.rows() * 2, 4); };
    auto const keys = fake_quantize<int8_token>(cpu{}, rows(k));
    auto const values = fake_quantize<int8_token>(cpu{}, rows(v), {.replace_nonfinite = true});
    cache.round(0, k, v);
    CHECK(std::equal(k.data(), k.data() + 24, keys.data()));
    CHECK(std::equal(v.data(), v.data() + 20, values.data()));
    for (std::size_t i = 4; i < 8; ++i) {
        CHECK(std::isnan(v(2, i)));
    }
    v(2, 6) = std::numeric_limits<float>::infinity();
    CHECK_THROWS_WITH(cache.put(0, k, v), ContainsSubstring("beyond the range of int8"));
}

TEST_CASE("a key or value beyond the range of its type is refused with its layer, NaN is kept", "[gemma3]") {
    gemma3::kv_cache half(small, 4, 4, kv_type::f16);
    gemma3::kv_cache brain(small, 4, 4, kv_type::bf16);
    gemma3::kv_cache whole(small, 4, 4);
    matrix<float> const fits(1, 8);
    auto const with = [](float value) {
        matrix<float> x(1, 8);
        x(0, 5) = value;
        return x;
    };
    float const below_f16 = 65519.996f;  // 65520 is halfway between the largest and the step that there is not
    float const below_bf16 = std::nextafter(0x1.ffp127f, 0.0f);
    CHECK_NOTHROW(half.put(3, with(-below_f16), with(below_f16)));
    CHECK(std::get<kv_view<f16>>(half.view(3)).values[4 * 4 + 1] == f16(65504.0f));
    CHECK_THROWS_WITH(half.put(3, with(65520), fits),
                      "Layer 3 has the key 65520.000000, which is beyond the range of f16; keep keys and values as "
                      "bf16 or f32.");
    CHECK_THROWS_WITH(half.put(4, fits, with(-1e9f)), ContainsSubstring("Layer 4 has the value -1000000000.0"));
    CHECK_NOTHROW(brain.put(0, with(below_bf16), with(-below_bf16)));
    CHECK_THROWS_WITH(brain.put(0, with(-0x1.ffp127f), fits), ContainsSubstring("as f32."));
    float const infinite = std::numeric_limits<float>::infinity();
    CHECK_THROWS_AS(brain.put(0, fits, with(infinite)), error);
    CHECK_NOTHROW(whole.put(0, with(infinite), with(infinite)));
    float const nan = std::numeric_limits<float>::quiet_NaN();
    half.put(0, with(nan), fits);
    CHECK(std::isnan(static_cast<float>(std::get<kv_view<f16>>(half.view(0)).keys[4 * 4 + 1])));
}

TEST_CASE("a cache needs room for a token", "[gemma3]") {
    CHECK_THROWS_AS(gemma3::kv_cache(small, 0, 1), error);
    CHECK_THROWS_AS(gemma3::kv_cache(small, 1, 0), error);
    CHECK_THROWS_AS(gemma3::kv_cache(small, static_cast<std::size_t>(-1), 1), error);
    CHECK(gemma3::kv_cache(small, 2, 100).batch() == 2);
}
