// SPDX-License-Identifier: Apache-2.0
#include "small_model.hpp"

#include <nibble/gemma3/export_safetensors.hpp>
#include <nibble/gemma3/random_model.hpp>
#include <nibble/gemma3/recover_checkpoint.hpp>
#include <nibble/nn/recipes.hpp>
#include <nibble/tensor/thread_pool.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <support/scratch_folder.hpp>

using namespace nibble;
using Catch::Matchers::ContainsSubstring;
namespace fs = std::filesystem;

namespace {

constexpr auto small = small_model(600);

/// What a model reads of a tensor.
template <class Role>
std::vector<float> values_of(gemma3::checkpoint const& file, gemma3::tensor_entry<Role> const& entry,
                             stored_tensor const& t) {
    if (!entry.is_matrix) {
        return file.norm(t);
    }
    std::vector<float> values(t.rows * t.columns);
    with_view(t, [&](auto const& view) {
        for (std::size_t row = 0; row < t.rows; ++row) {
            decode_row(view, row, 0, std::span(values).subspan(row * t.columns, t.columns));
        }
    });
    return values;
}

/// f(entry, values before, values after) for each tensor.
template <class F>
void for_each_pair(fs::path const& before, fs::path const& after, F&& f) {
    auto const a = gemma3::checkpoint::open(before);
    auto const b = gemma3::checkpoint::open(after);
    gemma3::for_each_parameter(
        [&](auto const& entry, std::uint32_t, stored_tensor const& one, stored_tensor const& other) {
            INFO(one.name);
            f(entry, values_of(a, entry, one), values_of(b, entry, other));
        },
        a.tensors(), b.tensors());
}

void check_same_values(fs::path const& before, fs::path const& after) {
    for_each_pair(before, after, [](auto const&, std::vector<float> const& one, std::vector<float> const& other) {
        REQUIRE(one.size() == other.size());
        CHECK(std::memcmp(one.data(), other.data(), one.size() * sizeof(float)) == 0);
    });
}

template <class T>
gemma3::safetensors_export_statistics export_file(fs::path const& from, fs::path const& to,
                                                  gemma3::safetensors_export_options const& options = {},
                                                  cpu where = {}) {
    return gemma3::export_safetensors<T>(where, gemma3::checkpoint::open(from), to, options);
}

/// A model whose norms have these factors, over and over.
template <auto Recipe>
void write_with_norms(fs::path const& path, std::vector<float> const& factors) {
    gemma3::write_gguf<Recipe>(cpu{}, path, small, gemma3::random_vocabulary(small.vocabulary),
                               [&](auto entry, std::uint32_t layer, std::size_t first, matrix<float>& chunk) {
                                   gemma3::random_rows(small, 1)(entry, layer, first, chunk);
                                   for (std::size_t i = 0; !entry.is_matrix && i < chunk.columns(); ++i) {
                                       chunk(0, i) = factors[i % factors.size()];
                                   }
                               });
}

std::set<std::string> names_in(fs::path const& folder) {
    std::set<std::string> names;
    for (auto const& entry : fs::directory_iterator(folder)) {
        names.insert(entry.path().filename().string());
    }
    return names;
}

constexpr auto micro = recipe(role::otherwise = use<mxfp4>);

}  // namespace

TEST_CASE("A quantized model comes back from a file of f32: values bit for bit, configuration, words", "[gemma3]") {
    scratch_folder const folder;
    fs::create_directory(folder / "hf");
    auto const out = folder / "hf/model.safetensors";
    gemma3::make_model<recipes::mixed>(cpu{}, small, 1, folder / "m");
    std::uint64_t seen = 0;
    std::uint64_t all = 0;
    auto const written = export_file<float>(folder / "m", out, {.progress = [&](auto done, auto total) {
                                                CHECK(done > seen);
                                                seen = done;
                                                all = total;
                                            }});
    CHECK(written.rounded.empty());
    CHECK(written.file_bytes == fs::file_size(out));
    CHECK(all == seen);
    CHECK(all < written.file_bytes);
    CHECK(names_in(folder / "hf") == std::set<std::string>{"config.json", "model.safetensors", "tokenizer.model"});
    check_same_values(folder / "m", folder / "hf");

    auto const before = gemma3::checkpoint::open(folder / "m");
    auto const after = gemma3::checkpoint::open(folder / "hf");
    CHECK(after.config() == before.config());
    CHECK(std::ranges::equal(after.end_ids(), before.end_ids()));
    REQUIRE(after.words() != nullptr);
    CHECK(after.words()->pieces() == before.words()->pieces());
}

TEST_CASE("All codes of a model are recovered from its file of f32", "[gemma3]") {
    scratch_folder const folder;
    gemma3::make_model<recipes::int4_g32>(cpu{}, small, 1, folder / "m");
    export_file<float>(folder / "m", folder / "f32.safetensors");
    std::map<std::string, gemma3::recovered_groups> found;
    gemma3::quantize_checkpoint<recipes::int4_g32>(cpu{}, gemma3::checkpoint::open(folder / "f32.safetensors"),
                                                   gemma3::recovery{[&](auto const& groups) { found = groups; }},
                                                   folder / "again");
    CHECK(found.size() == 1 + 7 * small.layers);
    for (auto const& [name, of] : found) {
        INFO(name);
        CHECK(of.groups != 0);
        CHECK(of.recovered == of.groups);
    }
    check_same_values(folder / "m", folder / "again");
}

TEST_CASE("bf16 holds grids of few bits and refuses the others, unless the loss is allowed", "[gemma3]") {
    scratch_folder const folder;
    write_with_norms<micro>(folder / "micro", {1.25f});
    CHECK(export_file<bf16>(folder / "micro", folder / "micro.safetensors").rounded.empty());
    check_same_values(folder / "micro", folder / "micro.safetensors");

    scratch_folder const other;
    auto const out = other / "model.safetensors";
    gemma3::make_model<recipes::int4_g32>(cpu{}, small, 1, folder / "m");
    CHECK_THROWS_WITH(export_file<bf16>(folder / "m", out),
                      ContainsSubstring("tensor 'token_embd.weight', stored as int4.g32, has the value ") &&
                          ContainsSubstring("a safetensors file of BF16 does not hold; write F32, or allow the loss."));
    CHECK(other.files().empty());
    auto const written = export_file<bf16>(folder / "m", out, {.allow_loss = true});
    CHECK(written.rounded.contains("model.layers.1.mlp.down_proj.weight"));
    for (auto const& [name, loss] : written.rounded) {
        INFO(name);
        CHECK(loss > 0);
        CHECK(loss <= 0x1p-8);  // of every value: half a step of 8 bits
    }
    for_each_pair(folder / "m", out, [](auto const& entry, auto const& one, auto const& another) {
        float const offset = entry.is_matrix ? 0.0f : 1.0f;
        bool rounded = true;
        for (std::size_t i = 0; i < one.size(); ++i) {
            rounded = rounded && another[i] == static_cast<float>(bf16(one[i] - offset)) + offset;
        }
        CHECK(rounded);
    });
}

TEST_CASE("The factor of a norm is 1 more than the file has: exact from 0.5 to 2^24, below refused where not",
          "[gemma3]") {
    scratch_folder const folder;
    auto const out = folder / "m.safetensors";
    float const after_half = std::nextafter(0.5f, 1.0f);
    write_with_norms<recipes::bf16>(folder / "m", {0.5f, after_half, 0.8f, 3.3f, 12345.678f, 0x1.fffffep23f});
    export_file<float>(folder / "m", out);
    check_same_values(folder / "m", out);

    write_with_norms<recipes::bf16>(folder / "m", {1.0f, 0.25f, 0.1f});  // 0.1f is an odd multiple of 2^-27
    CHECK_THROWS_WITH(export_file<float>(folder / "m", out),
                      ContainsSubstring("tensor 'blk.0.attn_norm.weight', stored as F32, has the value 0.100000001 at "
                                        "[0, 2], which a safetensors file of F32 does not hold; write a GGUF file"));
    auto const written = export_file<float>(folder / "m", out, {.allow_loss = true});
    CHECK(written.rounded.size() == 1 + 6 * small.layers);
    for_each_pair(folder / "m", out, [](auto const&, auto const& one, auto const& another) {
        for (std::size_t i = 0; i < one.size(); ++i) {
            CHECK(std::abs(one[i] - another[i]) <= 0x1p-25f);  // half a step of w = -0.9
        }
    });
}

TEST_CASE("What a safetensors file has as w is written as w", "[gemma3]") {
    scratch_folder const folder;
    fs::create_directory(folder / "again");
    write_with_norms<recipes::f32>(folder / "m", {1.25f});
    export_file<float>(folder / "m", folder / "f32.safetensors");
    auto bytes = text_of(folder / "f32.safetensors");
    std::string norm;
    for (std::uint32_t i = 0; i < small.hidden; ++i) {
        norm += std::string("\x00\x00\x80\x3e", 4);  // 0.25f
    }
    auto const at = bytes.find(norm);
    REQUIRE(at != bytes.npos);
    float const tiny = 1e-30f;  // 1 + w would be 1
    std::memcpy(bytes.data() + at, &tiny, sizeof tiny);
    std::ofstream(folder / "f32.safetensors", std::ios::binary) << bytes;
    export_file<float>(folder / "f32.safetensors", folder / "again/f32.safetensors");
    CHECK(text_of(folder / "again/f32.safetensors") == bytes);
}

TEST_CASE("P19: the file does not depend on the number of threads", "[gemma3]") {
    auto large = small;
    large.vocabulary = 9000;  // five pieces
    scratch_folder const folder;
    gemma3::make_model<recipes::mixed>(cpu{}, large, 1, folder / "m");
    thread_pool pool(3);
    auto const one = export_file<bf16>(folder / "m", folder / "one.safetensors", {.allow_loss = true});
    auto const three = export_file<bf16>(folder / "m", folder / "three.safetensors", {.allow_loss = true}, cpu{pool});
    CHECK(text_of(folder / "one.safetensors") == text_of(folder / "three.safetensors"));
    CHECK(one.rounded == three.rounded);
}

TEST_CASE("P23: files of another model stay as they are, the model's own are replaced", "[gemma3]") {
    scratch_folder const folder;
    fs::create_directory(folder / "hf");
    auto const out = folder / "hf/model.safetensors";
    gemma3::make_model<recipes::f32>(cpu{}, small, 1, folder / "m");
    gemma3::make_model<recipes::f32>(cpu{}, small, 2, folder / "trained on");
    auto larger = small;
    larger.ffn = 128;
    gemma3::make_model<recipes::f32>(cpu{}, larger, 1, folder / "larger");
    export_file<float>(folder / "m", out);
    auto const before = text_of(out);
    CHECK_THROWS_WITH(export_file<float>(folder / "larger", out),
                      ContainsSubstring("config.json belongs to another model or type; remove it, or write"));
    std::ofstream(folder / "hf/tokenizer.model") << "of another";
    CHECK_THROWS_WITH(export_file<float>(folder / "m", out), ContainsSubstring("tokenizer.model belongs to another"));
    CHECK(text_of(out) == before);
    CHECK(text_of(folder / "hf/tokenizer.model") == "of another");
    fs::remove(folder / "hf/tokenizer.model");
    export_file<float>(folder / "trained on", out);
    CHECK(text_of(out) != before);
    check_same_values(folder / "trained on", out);
}

TEST_CASE("P17: what these files cannot hold is refused, and no file appears", "[gemma3]") {
    scratch_folder const folder;
    scratch_folder const other;
    auto const out = other / "model.safetensors";
    gemma3::make_model<recipes::f32>(cpu{}, small, 1, folder / "untied", {.untied_head = true});
    CHECK_THROWS_WITH(export_file<float>(folder / "untied", out), ContainsSubstring("head of the model is not its"));

    auto const words = gemma3::random_vocabulary(small.vocabulary);
    std::vector<float> scores;
    std::vector<token_kind> kinds;
    for (std::uint32_t id = 0; id < words.size(); ++id) {
        scores.push_back(words.score(id));
        kinds.push_back(words.kind(id));
    }
    auto options = words.options();
    options.add_bos = false;
    gemma3::random_rows rows(small, 1);
    gemma3::write_gguf<recipes::f32>(cpu{}, folder / "no bos", small, {words.pieces(), scores, kinds, options}, rows);
    CHECK_THROWS_WITH(export_file<float>(folder / "no bos", out), ContainsSubstring("puts no bos"));

    gemma3::make_model<recipes::f32>(cpu{}, small, 1, folder / "m");
    export_file<float>(folder / "m", folder / "f32.safetensors");
    fs::remove(folder / "tokenizer.model");
    CHECK_THROWS_WITH(export_file<float>(folder / "f32.safetensors", out), ContainsSubstring("has no tokenizer"));

    auto const with_last_norm = [&](float value) {
        std::fstream file(folder / "m", std::ios::in | std::ios::out | std::ios::binary);
        file.seekp(-static_cast<std::streamoff>(small.hidden * sizeof(float)), std::ios::end);
        file.write(reinterpret_cast<char const*>(&value), sizeof value);
    };
    with_last_norm(std::numeric_limits<float>::quiet_NaN());
    CHECK_THROWS_WITH(export_file<float>(folder / "m", out, {.allow_loss = true}),
                      ContainsSubstring("tensor 'output_norm.weight'") && ContainsSubstring("nan at [0, 0]"));
    with_last_norm((std::numeric_limits<float>::max)());
    CHECK_THROWS_WITH(export_file<bf16>(folder / "m", out, {.allow_loss = true}),
                      ContainsSubstring("at [0, 0], which is beyond the range of BF16; write F32."));
    CHECK(other.files().empty());
}
