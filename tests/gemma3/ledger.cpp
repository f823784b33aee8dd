// SPDX-License-Identifier: Apache-2.0
#include "takes.hpp"

#include <nibble/gemma3/ledger.hpp>
#include <nibble/nn/recipes.hpp>

#include <catch2/catch_test_macros.hpp>

#include <cstdint>
#include <filesystem>
#include <string>

#include <nibble/gemma3/configuration_gguf.hpp>

using namespace nibble;

namespace {

constexpr std::uint64_t norm_bytes(std::uint64_t total, std::uint64_t embedding, std::uint64_t matrices) {
    return 4 * (total - embedding - matrices);
}

// Parameters: embedding, matrices of the blocks, all. Bytes of a q4_0 matrix are 18 for 32 weights.
template <gemma3::configuration C>
constexpr bool q4_0_export_is(std::uint64_t embedding, std::uint64_t linear_bytes, std::uint64_t total) {
    constexpr auto with_f16 = ledger<C, recipes::q4_0_f16>;
    constexpr auto all = ledger<C, recipes::q4_0>;
    constexpr auto f32 = ledger<C, recipes::f32>;
    std::uint64_t const matrices = linear_bytes / 18 * 32;
    std::uint64_t const norms = norm_bytes(total, embedding, matrices);
    return f32.weight_bytes == 4 * total &&                                          //
           with_f16.weight_bytes == linear_bytes + 2 * embedding + norms &&          //
           all.weight_bytes == linear_bytes + embedding / 32 * 18 + norms &&         //
           all.multiply_adds == embedding + matrices &&                              //
           with_f16.bytes_read_per_token == with_f16.weight_bytes + 2 * C.hidden &&  //
           all.bytes_read_per_token == all.weight_bytes + C.hidden / 32 * 18;
}
static_assert(q4_0_export_is<gemma3_270m>(167772160, 56401920, 268098176));
static_assert(q4_0_export_is<gemma3_1b>(301989888, 392491008, 999885952));
static_assert(q4_0_export_is<gemma3_4b>(671088640, 1804861440, 3880099328));
static_assert(q4_0_export_is<gemma3_12b>(1006632960, 6051594240, 11765788416));
static_assert(q4_0_export_is<gemma3_27b>(1409286144, 14399078400, 27009002240));

// The published q4_0 file of the 27B model is 16.040 GiB.
static_assert(ledger<gemma3_27b, recipes::q4_0_f16>.weight_bytes / double{1u << 30} > 16.0395);
static_assert(ledger<gemma3_27b, recipes::q4_0_f16>.weight_bytes / double{1u << 30} < 16.0405);

// 16-bit keys and values: 2 · 2 · kv_heads · head_dim bytes a token and layer.
constexpr auto bf16_cache = recipe(role::otherwise = keep<bf16>, role::kv_cache = keep<bf16>);
static_assert(ledger<gemma3_270m, bf16_cache>.kv_cache_bytes(32768) == 1024u * (3 * 32768 + 15 * 512));
static_assert(ledger<gemma3_1b, bf16_cache>.kv_cache_bytes(32768) == 1024u * (4 * 32768 + 22 * 512));
static_assert(ledger<gemma3_4b, bf16_cache>.kv_cache_bytes(131072) == 4096ull * (5 * 131072 + 29 * 1024));
static_assert(ledger<gemma3_12b, bf16_cache>.kv_cache_bytes(131072) == 8192ull * (8 * 131072 + 40 * 1024));
static_assert(ledger<gemma3_27b, bf16_cache>.kv_cache_bytes(131072) == 8192ull * (10 * 131072 + 52 * 1024));
static_assert(ledger<gemma3_27b, bf16_cache>.kv_cache_bytes(100) == 8192u * 62 * 100);

// q · k and p · v: 4 heads of 256, the window in 15 of 18 layers.
static_assert(ledger<gemma3_270m, bf16_cache>.attention_multiply_adds(1000) == 2 * 1024 * (3 * 1000 + 15 * 512));

// Roles have their own schemes: 8 bits and a bf16 scale a row; 4.5 bits; 3.25 bits.
static_assert(ledger<gemma3_270m, recipes::mixed>.weight_bytes ==
              167772160 + 262144 * 2 +                               // embedding
                  18 * (2 * 1024 * 640 + 2 * 256 * 640) / 32 * 18 +  // attention
                  18 * 3 * 2048 * 640 / 64 * 26 +                    // mlp
                  norm_bytes(268098176, 167772160, 100270080));

}  // namespace

TEST_CASE("the bytes of a file's tensors are those of the ledger", "[gemma3]") {
    std::string const path = NIBBLE_SOURCE_DIR "/../shared/golden/llama.cpp/tiny-c-q4_0.gguf";
    if (!std::filesystem::exists(path)) {
        SKIP("no golden files");
    }
    auto const file = gguf_file::open(path);
    std::uint64_t bytes = 0;
    for (auto const& tensor : file.tensors()) {
        bytes += tensor.bytes.size();
    }
    CHECK(ledger_of<recipes::q4_0>(gemma3::configuration_from(file)).weight_bytes == bytes);
}

TEST_CASE("every recipe has a ledger for every size whose rows it takes", "[gemma3]") {
    for_each_recipe([](auto entry) {
        std::uint64_t before = 0;
        for (auto const* c : {&gemma3_tiny, &gemma3_270m, &gemma3_1b, &gemma3_4b, &gemma3_12b, &gemma3_27b}) {
            if (!takes<entry.recipe>(*c)) {
                continue;
            }
            ledger_of<entry.recipe> const cost(*c);
            CHECK(cost.weight_bytes > before);
            CHECK(cost.weight_bytes <= ledger_of<recipes::f32>(*c).weight_bytes);
            before = cost.weight_bytes;
        }
    });
}
