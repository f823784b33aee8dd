// SPDX-License-Identifier: Apache-2.0
#include "greedy.hpp"

#include <nibble/tensor/thread_pool.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <cstring>
#include <fstream>

using namespace nibble;

namespace {

std::string const shared_golden = NIBBLE_SOURCE_DIR "/../shared/golden/";

std::vector<float> floats_of(std::string const& path) {
    std::ifstream file(path, std::ios::binary);
    std::string const bytes(std::istreambuf_iterator<char>(file), {});
    std::vector<float> values(bytes.size() / sizeof(float));
    std::memcpy(values.data(), bytes.data(), values.size() * sizeof(float));
    return values;
}

gemma3::model<> golden_loaded(golden_model const& golden, scratch_folder const& folder) {
    golden.write(folder.path);
    return gemma3::load(folder.path);
}

bool same_bits(matrix<float> const& a, matrix<float> const& b) {
    return std::memcmp(a.data(), b.data(), a.rows() * a.columns() * sizeof(float)) == 0;
}

}  // namespace

TEST_CASE("logits and greedy ids are those of the reference implementation in float64", "[gemma3]") {
    golden_model const golden(GENERATE(as<std::string>{}, "gemma3-tiny", "gemma3-tiny-rope8"));
    scratch_folder const folder;
    auto const m = golden_loaded(golden, folder);
    auto const tokens = golden_tokens(golden);
    REQUIRE(tokens.size() > m.config.window);
    // The project's limit for f32 activations. A product of k terms errs by some sqrt(k) 2^-24 of its size, 5.8e-7 for
    // k = 96; squared, 70 such steps that err independently add up to 2.4e-11.
    CHECK(normalized_square_error(gemma3::logits(cpu{}, m, tokens), golden.logits()) < 1e-10);
    auto const expected = golden.greedy();
    auto const ids = greedy(m, std::span(tokens).first(8), expected.size());
    CHECK(std::equal(ids.begin(), ids.end(), expected.begin(), expected.end(),
                     [](std::uint32_t a, std::int32_t b) { return a == static_cast<std::uint32_t>(b); }));
}

TEST_CASE("the bits of logits depend neither on batches nor on threads", "[gemma3]") {
    golden_model const golden("gemma3-tiny-rope8");
    scratch_folder const folder;
    auto m = golden_loaded(golden, folder);
    m.activations = GENERATE(activation_kind::f32, activation_kind::bf16);
    m.kv_type = GENERATE(kv_type::f32, kv_type::f16, kv_type::bf16, kv_type::int8);
    auto const tokens = golden_tokens(golden);
    auto const expected = gemma3::logits(cpu{}, m, tokens);
    for (std::size_t const batch : {1u, 3u, 16u, 39u}) {
        thread_pool pool(batch % 8 + 1);
        gemma3::kv_cache cache(m.config, tokens.size(), batch, m.kv_type);
        matrix<float> logits(tokens.size(), m.config.vocabulary);
        gemma3::forward(cpu{pool}, m, cache, tokens, logits);
        CHECK(same_bits(logits, expected));
        gemma3::kv_cache again(m.config, tokens.size(), batch, m.kv_type);
        matrix<float> last(2, m.config.vocabulary);
        gemma3::forward(cpu{pool}, m, again, tokens, last);  // only the logits of the last two tokens
        CHECK(std::memcmp(last.data(), expected.row(tokens.size() - 2).data(), 2 * last.columns() * 4) == 0);
    }
}

TEST_CASE("a cache of fewer bits changes logits by what the rounding of keys and values explains", "[gemma3]") {
    golden_model const golden(GENERATE(as<std::string>{}, "gemma3-tiny", "gemma3-tiny-rope8"));
    scratch_folder const folder;
    auto m = golden_loaded(golden, folder);
    auto const tokens = golden_tokens(golden);
    auto const whole = gemma3::logits(cpu{}, m, tokens);
    std::vector<float> const exact(whole.data(), whole.data() + whole.rows() * whole.columns());
    auto const error_of = [&](kv_type type) {
        m.kv_type = type;
        return normalized_square_error(gemma3::logits(cpu{}, m, tokens), exact);
    };
    // Half a step is at most r = 2^-8 of a bf16 number and 2^-11 of an f16 one; its square is r² / 6 in the mean.
    // Errors of keys and of values are independent, each moves what attention returns by as much of its size, and the
    // layers' squares add up: layers · 2 r² / 6. The bound leaves the factor 6 to amplification by what follows.
    double const squares = 2.0 * m.config.layers;
    double const brain = error_of(kv_type::bf16);
    double const half = error_of(kv_type::f16);
    CHECK(brain < squares * 0x1p-16);
    CHECK(half < squares * 0x1p-22);
    CHECK(half > 0);
    CHECK(brain > half);
    // An int8 row errs by at most half of max / 127: a variance of (max / 127)² / 12 where a value's mean square is at
    // least (max / 4)² of rows of 16 and more numbers near normal.
    double const coded = error_of(kv_type::int8);
    CHECK(coded < 6 * squares * 16 / (127.0 * 127.0 * 12));
    CHECK(coded > brain);
    CHECK(error_of(kv_type::f32) == 0);
}

TEST_CASE("a cache that was made for another configuration is refused", "[gemma3]") {
    golden_model const golden("gemma3-tiny");
    scratch_folder const folder;
    auto const m = golden_loaded(golden, folder);
    auto other = m.config;
    other.window += 1;
    gemma3::kv_cache cache(other, 4, 4);
    matrix<float> logits(1, m.config.vocabulary);
    CHECK_THROWS_WITH(gemma3::forward(cpu{}, m, cache, std::vector<std::uint32_t>{1}, logits),
                      Catch::Matchers::ContainsSubstring("a KV cache of another model"));
    CHECK(cache.length() == 0);
}

TEST_CASE("a key beyond the range of f16 ends the pass, and the cache keeps what it had seen", "[gemma3]") {
    golden_model const golden("gemma3-tiny");
    scratch_folder const folder;
    auto m = golden_loaded(golden, folder);
    auto& factors = m.parameters.blocks[2].attn_k_norm;
    for (float& factor : factors) {
        factor *= 1e6f;
    }
    gemma3::kv_cache cache(m.config, 4, 4, kv_type::f16);
    matrix<float> logits(1, m.config.vocabulary);
    std::vector<std::uint32_t> const one{1};
    CHECK_THROWS_WITH(gemma3::forward(cpu{}, m, cache, one, logits),
                      Catch::Matchers::ContainsSubstring("Layer 2 has the key"));
    CHECK(cache.length() == 0);
    gemma3::kv_cache wide(m.config, 4, 4, kv_type::bf16);
    CHECK_NOTHROW(gemma3::forward(cpu{}, m, wide, one, logits));
}

TEST_CASE("ids outside the vocabulary and texts longer than the context are refused", "[gemma3]") {
    golden_model const golden("gemma3-tiny");
    scratch_folder const folder;
    auto const m = golden_loaded(golden, folder);
    gemma3::kv_cache cache(m.config, 4, 4);
    matrix<float> logits(1, m.config.vocabulary);
    CHECK_THROWS_AS(gemma3::forward(cpu{}, m, cache, std::vector<std::uint32_t>{1, 320}, logits), error);
    CHECK_THROWS_AS(gemma3::forward(cpu{}, m, cache, std::vector<std::uint32_t>(5, 1), logits), error);
    CHECK(cache.length() == 0);
    gemma3::forward(cpu{}, m, cache, std::vector<std::uint32_t>(4, 1), logits);
    CHECK_THROWS_AS(gemma3::forward(cpu{}, m, cache, std::vector<std::uint32_t>{1}, logits), error);
}

TEST_CASE("every shared golden: logits, greedy ids, and llama.cpp's logits within its own error", "[gemma3]") {
    struct golden_file {
        char const* name;
        double llama_error;  // f32: GELU through f16; bf16 and quantized: activations rounded to 8 bits
    };
    auto const [name, llama_error] = GENERATE(values<golden_file>({{"tiny-a-f32", 1e-6},
                                                                   {"tiny-a-bf16", 1e-4},
                                                                   {"tiny-a-q8_0", 2e-3},
                                                                   {"tiny-a-q4_0", 2e-3},
                                                                   {"tiny-c-f32", 1e-6},
                                                                   {"tiny-c-q4_0", 2e-3}}));
    std::string const file = shared_golden + "llama.cpp/" + name;
    if (!std::filesystem::exists(file + ".gguf")) {
        SKIP("no folder of shared goldens");
    }
    INFO(name);
    std::vector<std::uint32_t> tokens;
    std::ifstream list(shared_golden + "llama.cpp/tokens-a.txt");
    for (std::uint32_t id = 0; list >> id;) {
        tokens.push_back(id);
    }
    REQUIRE(tokens.size() == 64);
    auto m = gemma3::load(file + ".gguf");
    CHECK(normalized_square_error(gemma3::logits(cpu{}, m, tokens), floats_of(file + ".logits.f32")) < llama_error);
    m.activations = activation_kind::f32;
    CHECK(normalized_square_error(gemma3::logits(cpu{}, m, tokens),
                                  floats_of(shared_golden + "exact/" + name + ".logits.f32")) < 1e-10);
    std::ifstream ids(shared_golden + "exact/" + name + ".greedy.txt");
    std::vector<std::uint32_t> expected(64);
    for (auto& id : expected) {
        ids >> id;
    }
    REQUIRE(ids);
    CHECK(greedy(m, std::span(tokens).first(8), 64) == expected);
}
