// SPDX-License-Identifier: Apache-2.0
#include <nibble/gemma3/configuration_gguf.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <fstream>
#include <limits>
#include <sstream>

#include "gguf_bytes.hpp"

using namespace nibble;
using Catch::Matchers::ContainsSubstring;
using gemma3::configuration;
using gemma3::configuration_from;

namespace {

gguf_bytes file_of(configuration const& c) {
    gguf_bytes file;
    gemma3::for_each_key(c, [&](std::string_view key, auto value) { file.set(key, value); });
    file.rows = c.vocabulary;
    file.columns = c.hidden;
    return file;
}

configuration small() {
    configuration c = gemma3_tiny;
    c.hidden = 32;
    c.vocabulary = 5;
    return c;
}

}  // namespace

TEST_CASE("a configuration written to GGUF reads back as it was", "[gemma3]") {
    for (auto const& entry : gemma3::configurations) {
        configuration c = entry.value;
        c.vocabulary = 3;  // the embedding lies in the file
        INFO(entry.name);
        CHECK(configuration_from(file_of(c).file()) == c);
    }
    configuration c = small();
    c.pattern = 4;
    c.rope_base_local = 5e3f;
    c.rms_epsilon = 1e-5f;
    CHECK(configuration_from(file_of(c).file()) == c);
    c.window = 0;
    CHECK(configuration_from(file_of(c).file()).window == 0);
}

TEST_CASE("missing keys have the values that other readers of GGUF assume", "[gemma3]") {
    auto file = file_of(small());
    for (auto const* key : {"attention.head_count_kv", "attention.key_length", "attention.value_length",
                            "rope.freq_base", "rope.freq_base_swa", "attention.sliding_window"}) {
        file.pairs.erase("gemma3." + std::string(key));
    }
    auto const c = configuration_from(file.file());
    CHECK(c.kv_heads == c.heads);
    CHECK(c.head_dim == c.hidden / c.heads);
    CHECK(c.query_pre_attn_scalar == 8);
    CHECK(c.rope_base == 1e4f);
    CHECK(c.rope_base_local == 1e4f);
    CHECK(c.rope_factor == 1);
    CHECK(c.is_global(0));
    for (auto const* key : {"context_length", "embedding_length", "block_count", "feed_forward_length",
                            "attention.head_count", "attention.layer_norm_rms_epsilon"}) {
        auto broken = file_of(small());
        broken.pairs.erase("gemma3." + std::string(key));
        CHECK_THROWS_WITH(configuration_from(broken.file()), ContainsSubstring(key));
    }
}

TEST_CASE("62 layers take the scalar of the queries from the hidden size, others from the head size", "[gemma3]") {
    configuration c = gemma3_27b;
    c.vocabulary = 1;
    auto file = file_of(c);
    CHECK(configuration_from(file.file()).query_pre_attn_scalar == 168);
    file.set("gemma3.block_count", std::uint32_t{61});
    CHECK(configuration_from(file.file()).query_pre_attn_scalar == 128);
    c.query_pre_attn_scalar = 128;
    CHECK_THROWS_WITH(gemma3::for_each_key(c, [](auto...) {}), ContainsSubstring("readers assume 168"));
}

TEST_CASE("counts may have any integer type, floats may be f64", "[gemma3]") {
    auto file = file_of(small());
    file.set("gemma3.block_count", gguf_type::u64, std::uint64_t{8});
    file.set("gemma3.attention.head_count", gguf_type::i32, std::int32_t{4});
    file.set("gemma3.attention.layer_norm_rms_epsilon", gguf_type::f64, 1e-6);
    CHECK(configuration_from(file.file()) == small());
    file.set("gemma3.block_count", gguf_type::u64, (std::uint64_t{1} << 32) + 8);
    CHECK_THROWS_WITH(configuration_from(file.file()), ContainsSubstring("32 bits"));
    file.set("gemma3.block_count", gguf_type::i32, std::int32_t{-8});
    CHECK_THROWS_AS(configuration_from(file.file()), nibble::error);
    file.set("gemma3.block_count", 8.0f);
    CHECK_THROWS_AS(configuration_from(file.file()), nibble::error);
}

TEST_CASE("the sliding-window pattern may be a number or say of each layer whether it is local", "[gemma3]") {
    auto file = file_of(small());
    auto const key = "gemma3.attention.sliding_window_pattern";
    file.set(key, std::uint32_t{3});
    CHECK(configuration_from(file.file()).pattern == 3);
    file.set(key, std::vector<bool>{true, true, true, false, true, true, true, false});
    CHECK(configuration_from(file.file()).pattern == 4);
    file.set(key, std::vector<bool>{true, true, true, false, true, true, true, true});
    CHECK_THROWS_WITH(configuration_from(file.file()), ContainsSubstring("not periodic"));
    file.set(key, std::vector<bool>{true, false});
    CHECK_THROWS_WITH(configuration_from(file.file()), ContainsSubstring("2 elements for 8 layers"));
    file.set(key, std::uint32_t{0});
    CHECK_THROWS_AS(configuration_from(file.file()), nibble::error);
    file.set(key, std::string_view("6"));
    CHECK_THROWS_AS(configuration_from(file.file()), nibble::error);
}

TEST_CASE("what this model does not have is refused", "[gemma3]") {
    auto const refused = [](std::string_view key, auto value, char const* why) {
        auto file = file_of(small());
        file.set(key, value);
        CHECK_THROWS_WITH(configuration_from(file.file()), ContainsSubstring(why));
    };
    refused("general.architecture", std::string_view("gemma2"), "'gemma2'");
    refused("gemma3.attention.value_length", std::uint32_t{32}, "differs from the key length");
    refused("gemma3.rope.scaling.type", std::string_view("yarn"), "'yarn'");
    refused("gemma3.final_logit_softcapping", 30.0f, "soft-capping");
    refused("gemma3.embedding_length", std::uint32_t{64}, "token_embd.weight");

    auto file = file_of(small());
    file.set("gemma3.rope.scaling.factor", 8.0f);
    CHECK(configuration_from(file.file()).rope_factor == 8);
    file.set("gemma3.rope.scaling.type", std::string_view("none"));
    CHECK(configuration_from(file.file()).rope_factor == 1);
    file.set("gemma3.final_logit_softcapping", 0.0f);
    CHECK_NOTHROW(configuration_from(file.file()));
}

TEST_CASE("P1: malformed GGUF files with a wrong architecture or size are refused, valid ones read", "[gemma3]") {
    std::string const folder = NIBBLE_SOURCE_DIR "/../shared/malformed/";
    std::ifstream manifest(folder + "MANIFEST.tsv");
    if (!manifest) {
        SKIP("no folder of malformed files");
    }
    int accepted = 0;
    int refused = 0;
    for (std::string line; std::getline(manifest, line);) {
        std::istringstream fields(line);
        std::string name, expected, stage, code;
        fields >> name >> expected >> stage >> code;
        if (!name.ends_with(".gguf") || stage != "model") {
            continue;
        }
        INFO(name);
        if (expected == "accept") {
            CHECK(configuration_from(gguf_file::open(folder + name)).layers == 2);
            ++accepted;
        } else if (code == "arch" || code == "hparam") {
            CHECK_THROWS_AS(configuration_from(gguf_file::open(folder + name)), nibble::error);
            ++refused;
        }
    }
    CHECK(accepted >= 10);
    CHECK(refused >= 8);
}

TEST_CASE("the golden files state their sizes", "[gemma3]") {
    std::string const path = NIBBLE_SOURCE_DIR "/../shared/golden/llama.cpp/tiny-c-q4_0.gguf";
    if (!std::ifstream(path)) {
        SKIP("no golden files");
    }
    CHECK(configuration_from(gguf_file::open(path)) == configuration{96, 6, 4, 2, 32, 192, 2048, 20, 6, 512, 32, 8});
}
