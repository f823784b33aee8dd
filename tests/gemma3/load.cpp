// SPDX-License-Identifier: Apache-2.0
#include "engine.hpp"

#include <nibble/gemma3/export.hpp>
#include <nibble/gemma3/ledger.hpp>
#include <nibble/gemma3/random_vocabulary.hpp>
#include <nibble/tensor/thread_pool.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <cstring>
#include <fstream>
#include <iterator>
#include <limits>
#include <string>
#include <vector>

using namespace nibble;
using Catch::Matchers::ContainsSubstring;

TEST_CASE("loading on any number of threads gives the same model, with factors 1 + w", "[gemma3]") {
    golden_model const golden("gemma3-tiny");
    scratch_folder const folder;
    golden.write(folder.path);
    thread_pool pool(3);
    auto const alone = gemma3::load(folder.path);
    auto const together = gemma3::load(folder.path, {.where = cpu{pool}, .activations = activation_kind::bf16});
    CHECK(together.activations == activation_kind::bf16);
    auto const tensors = golden_tensors(golden.sizes());
    for_each_parameter(
        [&](auto entry, std::uint32_t layer, auto const& a, auto const& b) {
            auto const name = gemma3::hf_names(entry, layer)[0];
            auto const at = std::find_if(tensors.begin(), tensors.end(), [&](auto const& t) { return t.name == name; });
            REQUIRE(at != tensors.end());
            auto const values = golden_values(golden.sizes().seed, *at);
            if constexpr (entry.is_matrix) {
                auto const& x = std::get<dense_panels<float>>(a);
                auto const& y = std::get<dense_panels<float>>(b);
                for (std::size_t i = 0; i < values.size(); ++i) {
                    REQUIRE(x.decode(i / x.k(), i % x.k()) == values[i]);
                    REQUIRE(y.decode(i / y.k(), i % y.k()) == values[i]);
                }
            } else {
                for (std::size_t i = 0; i < values.size(); ++i) {
                    REQUIRE(a[i] == 1.0f + values[i]);
                    REQUIRE(b[i] == a[i]);
                }
            }
        },
        alone.parameters, together.parameters);
}

TEST_CASE("keys and values are kept as the file's recipe says, or as the caller does", "[gemma3]") {
    constexpr auto cached = recipe(role::otherwise = keep<float>, role::kv_cache = keep<bf16>);
    constexpr gemma3::configuration tiny{.hidden = 32,
                                         .layers = 2,
                                         .heads = 2,
                                         .kv_heads = 1,
                                         .head_dim = 16,
                                         .ffn = 32,
                                         .vocabulary = 300,
                                         .window = 8,
                                         .context = 64,
                                         .query_pre_attn_scalar = 16};
    scratch_folder const folder;
    auto const rows = [](auto const&, std::uint32_t layer, std::size_t first, matrix<float>& chunk) {
        for (std::size_t i = 0; i < chunk.rows() * chunk.columns(); ++i) {
            chunk.data()[i] = 0.1f * static_cast<float>((first * chunk.columns() + i * 7 + layer) % 13) - 0.5f;
        }
    };
    auto const path = folder / "m.gguf";
    gemma3::write_gguf<cached>(cpu{}, path, tiny, gemma3::random_vocabulary(tiny.vocabulary), rows);
    auto const file = gemma3::checkpoint::open(path);
    CHECK(file.kv_type() == kv_type::bf16);
    auto const m = gemma3::load(file);
    CHECK(m.kv_type == kv_type::bf16);
    auto const whole = gemma3::load(file, {.kv_cache = kv_type::f32});
    CHECK(whole.kv_type == kv_type::f32);

    std::vector<std::uint32_t> const tokens{2, 30, 200, 7, 99};
    auto const bytes = tokens.size() * tiny.vocabulary * sizeof(float);
    auto const result = gemma3::logits(cpu{}, m, tokens);
    CHECK(std::memcmp(result.data(), gemma3::logits(cpu{}, whole, tokens).data(), bytes) != 0);
    gemma3::kv_cache cache(tiny, tokens.size(), 1, kv_type::bf16);
    matrix<float> again(tokens.size(), tiny.vocabulary);
    gemma3::forward(cpu{}, whole, cache, tokens, again);
    CHECK(std::memcmp(result.data(), again.data(), bytes) == 0);
    CHECK(cache.bytes() == ledger<tiny, cached>.kv_cache_bytes(tokens.size()));

    // A file of a later version may say what this one does not know.
    std::ifstream in(path, std::ios::binary);
    std::string text(std::istreambuf_iterator<char>(in), {});
    auto const at = text.find("kv_cache=bf16");
    REQUIRE(at != text.npos);
    std::ofstream(folder / "later.gguf", std::ios::binary) << text.replace(at, 13, "kv_cache=int4");
    CHECK_THROWS_WITH(gemma3::checkpoint::open(folder / "later.gguf"),
                      ContainsSubstring("later.gguf: 'int4'") && ContainsSubstring("choose f32, f16, bf16 or int8"));
    std::ofstream(folder / "older.gguf", std::ios::binary) << text.replace(at, 13, "kv_ca.he=bf16");
    CHECK(gemma3::checkpoint::open(folder / "older.gguf").kv_type() == kv_type::f32);
}

TEST_CASE("P6: a value that is not finite is refused by name and row", "[gemma3]") {
    golden_model const golden("gemma3-tiny");
    scratch_folder const folder;
    golden.write(folder.path);
    auto const source = safetensors_checkpoint::open(folder.path);
    std::vector<safetensors_entry> entries;
    std::vector<std::byte> broken;
    for (auto const* tensor : source.tensors()) {
        entries.push_back(*tensor);
        if (tensor->name == "model.layers.2.mlp.up_proj.weight") {
            broken.assign(tensor->bytes.begin(), tensor->bytes.end());
            float const nan = std::numeric_limits<float>::quiet_NaN();
            std::memcpy(&broken[(5 * tensor->shape[1] + 1) * sizeof(float)], &nan, sizeof nan);
            entries.back().bytes = broken;
        }
    }
    scratch_folder const other;
    atomic_file file(other / "model.safetensors");
    write_safetensors([&](std::span<std::byte const> bytes) { file.write(bytes); }, entries);
    file.commit();
    std::filesystem::copy(folder / "config.json", other / "config.json");
    CHECK_THROWS_WITH(gemma3::load(other.path),
                      ContainsSubstring("model.layers.2.mlp.up_proj.weight") && ContainsSubstring("in row 5"));
    CHECK_NOTHROW(gemma3::load(other.path, {.check_values = false}));
}
