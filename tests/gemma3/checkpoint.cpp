// SPDX-License-Identifier: Apache-2.0
#include "engine.hpp"

#include <nibble/gemma3/checkpoint.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <fstream>
#include <sstream>

using namespace nibble;
using Catch::Matchers::ContainsSubstring;

TEST_CASE("P1, P6: every malformed file gets its verdict at the stage of the model and of the data", "[gemma3]") {
    std::string const folder = NIBBLE_SOURCE_DIR "/../shared/malformed/";
    std::ifstream manifest(folder + "MANIFEST.tsv");
    if (!manifest) {
        SKIP("no folder of malformed files");
    }
    int seen = 0;
    for (std::string line; std::getline(manifest, line);) {
        std::istringstream fields(line);
        std::string name;
        std::string expected;
        std::string stage;
        fields >> name >> expected >> stage;
        if (stage != "model" && stage != "data") {
            continue;
        }
        ++seen;
        INFO(name);
        if (stage == "model" && expected == "reject") {
            CHECK_THROWS_AS(gemma3::checkpoint::open(folder + name), error);
            continue;
        }
        auto const file = gemma3::checkpoint::open(folder + name);
        if (stage == "data") {
            if (expected == "reject") {
                CHECK_THROWS_AS(gemma3::require_finite(cpu{}, file), error);
                CHECK_THROWS_AS(gemma3::load(file), error);
                CHECK_NOTHROW(gemma3::load(file, {.check_values = false}));
            } else {
                CHECK_NOTHROW(gemma3::require_finite(cpu{}, file));
                CHECK_NOTHROW(gemma3::load(file));
            }
        }
    }
    CHECK(seen > 20);
}

TEST_CASE("safetensors need a configuration beside them", "[gemma3]") {
    golden_model const golden("gemma3-tiny");
    scratch_folder const folder;
    golden.write(folder.path);
    auto const file = gemma3::checkpoint::open(folder.path);
    CHECK(file.config().layers == golden.sizes().layers);
    CHECK(file.words() == nullptr);
    CHECK(file.activations() == activation_kind::f32);
    CHECK(file.kv_type() == kv_type::f32);
    CHECK(file.head() == nullptr);
    std::filesystem::remove(folder / "config.json");
    CHECK_THROWS_WITH(gemma3::checkpoint::open(folder.path), ContainsSubstring("config.json"));
}

TEST_CASE("multimodal checkpoints: other names, vision skipped, padding rows of the embedding cut", "[gemma3]") {
    golden_model const golden("gemma3-tiny");
    scratch_folder const folder;
    golden.write(folder.path);
    auto const expected = gemma3::load(folder.path);

    // The same tensors under multimodal names, four more rows behind the embedding, a tower, and a vocabulary.
    auto const source = safetensors_checkpoint::open(folder.path);
    std::vector<safetensors_entry> entries;
    std::vector<std::byte> padded;
    for (auto const* tensor : source.tensors()) {
        safetensors_entry entry = *tensor;
        entry.name = "language_model." + entry.name;
        if (entry.name.ends_with("embed_tokens.weight")) {
            padded.assign(entry.bytes.begin(), entry.bytes.end());
            padded.resize(padded.size() + 4 * entry.shape[1] * sizeof(float), std::byte{0x7f});
            entry.shape[0] += 4;
            entry.bytes = padded;
        }
        entries.push_back(entry);
    }
    std::vector<std::byte> const pixel(8);
    entries.push_back({"vision_tower.vision_model.embeddings.patch_embedding.weight", "F16", {1, 1, 2, 2}, pixel});
    scratch_folder const other;
    atomic_file file(other / "model.safetensors");
    write_safetensors([&](std::span<std::byte const> bytes) { file.write(bytes); }, entries);
    file.commit();
    auto json = nlohmann::json::parse(golden.config());
    json["vocab_size"] = json["vocab_size"].get<int>() + 4;
    nlohmann::json const nested{{"model_type", "gemma3"}, {"text_config", json}, {"eos_token_id", {1, 106}}};
    std::ofstream(other / "config.json") << nested;
    {
        // A tokenizer.json of 320 pieces decides where the padding begins.
        nlohmann::json vocab;
        for (int id = 0; id < 320; ++id) {
            vocab[id < 256 ? std::string("<0x") + "0123456789ABCDEF"[id / 16] + "0123456789ABCDEF"[id % 16] + ">"
                           : "piece" + std::to_string(id)] = id;
        }
        nlohmann::json const tokenizer{
            {"added_tokens", nlohmann::json::array()},
            {"model",
             {{"type", "BPE"}, {"byte_fallback", true}, {"vocab", vocab}, {"merges", nlohmann::json::array()}}}};
        std::ofstream(other / "tokenizer.json") << tokenizer;
    }
    auto const m = gemma3::load(other.path);
    CHECK(m.config.vocabulary == 320);
    CHECK(m.end_ids == std::vector<std::uint32_t>{1, 106});
    auto const tokens = golden_tokens(golden);
    auto const a = gemma3::logits(cpu{}, m, tokens);
    auto const b = gemma3::logits(cpu{}, expected, tokens);
    CHECK(std::memcmp(a.data(), b.data(), a.rows() * a.columns() * sizeof(float)) == 0);
}
