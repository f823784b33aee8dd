// SPDX-License-Identifier: Apache-2.0
#include <nibble/gemma3/configuration.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <cmath>
#include <limits>

using namespace nibble;
using gemma3::configuration;

template <configuration C>
inline constexpr auto hidden_of = C.hidden;
static_assert(hidden_of<gemma3_4b> == 2560);

static_assert(gemma3_270m.query_scale() == 1.0f / 16);
static_assert(gemma3_27b.query_width() == 4096 && gemma3_27b.key_width() == 2048);

static constexpr int global_layers(configuration const& c) {
    int count = 0;
    for (std::uint32_t layer = 0; layer < c.layers; ++layer) {
        count += c.is_global(layer) ? 1 : 0;
    }
    return count;
}
static_assert(global_layers(gemma3_270m) == 3 && gemma3_270m.is_global(5) && gemma3_270m.is_global(17));
static_assert(global_layers(gemma3_1b) == 4 && !gemma3_1b.is_global(0) && !gemma3_1b.is_global(25));
static_assert(global_layers(gemma3_4b) == 5);
static_assert(global_layers(gemma3_12b) == 8);
static_assert(global_layers(gemma3_27b) == 10 && gemma3_27b.is_global(59) && !gemma3_27b.is_global(61));

TEST_CASE("without a window every layer is global", "[gemma3]") {
    configuration c = gemma3_tiny;
    c.window = 0;
    CHECK(global_layers(c) == static_cast<int>(c.layers));
}

TEST_CASE("the embedding scale is the float nearest to the root, for every hidden size that is allowed", "[gemma3]") {
    configuration c;
    std::uint32_t wrong = 0;
    for (c.hidden = 1; c.hidden <= 1u << 20; ++c.hidden) {
        wrong += c.embedding_scale() == std::sqrt(static_cast<float>(c.hidden)) ? 0u : 1u;
    }
    CHECK(wrong == 0);
}

TEST_CASE("the query scale is the float nearest to one over the root", "[gemma3]") {
    configuration c;
    for (float const scalar : {64.0f, 168.0f, 1e-30f, 3.0f, 1e30f}) {
        c.query_pre_attn_scalar = scalar;
        CHECK(c.query_scale() == static_cast<float>(1 / std::sqrt(static_cast<long double>(scalar))));
    }
}

TEST_CASE("every configuration in the table is valid and found by its name", "[gemma3]") {
    for (auto const& entry : gemma3::configurations) {
        CHECK_NOTHROW(validate(entry.value));
        CHECK(gemma3::find_configuration(entry.name) == entry.value);
    }
    CHECK_THROWS_WITH(gemma3::find_configuration("2b"), Catch::Matchers::ContainsSubstring("270m, 1b"));
}

TEST_CASE("a configuration out of range is refused", "[gemma3]") {
    auto const refused = [](auto change) {
        configuration c = gemma3_tiny;
        change(c);
        CHECK_THROWS_AS(validate(c), nibble::error);
    };
    for (auto const member : {&configuration::hidden, &configuration::layers, &configuration::heads,
                              &configuration::kv_heads, &configuration::head_dim, &configuration::ffn,
                              &configuration::vocabulary, &configuration::pattern, &configuration::context}) {
        refused([&](configuration& c) { c.*member = 0; });
        refused([&](configuration& c) { c.*member = std::numeric_limits<std::uint32_t>::max(); });
    }
    refused([](configuration& c) { c.layers = 513; });
    refused([](configuration& c) { c.window = std::numeric_limits<std::uint32_t>::max(); });
    refused([](configuration& c) { c.kv_heads = 3; });
    refused([](configuration& c) { c.head_dim = 63; });
    refused([](configuration& c) { c.heads = 1u << 16, c.head_dim = 1u << 16; });
    for (auto const member :
         {&configuration::query_pre_attn_scalar, &configuration::rms_epsilon, &configuration::rope_base,
          &configuration::rope_base_local, &configuration::rope_factor}) {
        for (float const value :
             {0.0f, -1.0f, std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN()}) {
            refused([&](configuration& c) { c.*member = value; });
        }
    }
    configuration most = gemma3_tiny;
    most.layers = 512;
    CHECK_NOTHROW(validate(most));
}
