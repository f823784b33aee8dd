// SPDX-License-Identifier: Apache-2.0
#include "small_model.hpp"

#include <nibble/gemma3/quantize_checkpoint.hpp>
#include <nibble/gemma3/random_model.hpp>
#include <nibble/io/gguf_checksum.hpp>
#include <nibble/nn/recipes.hpp>
#include <nibble/tensor/thread_pool.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include <support/golden_model.hpp>
#include <support/scratch_folder.hpp>

using namespace nibble;
namespace fs = std::filesystem;

namespace {

constexpr auto small = small_model(5000);

gguf_value text_pair(std::string_view key, std::string_view text) {
    return {key, reinterpret_cast<std::byte const*>(text.data()), text.size(), 0, gguf_type::string, gguf_type::string};
}

void check_same_tensors(fs::path const& first, fs::path const& second) {
    auto const a = gguf_file::open(first);
    auto const b = gguf_file::open(second);
    CHECK(verify_checksum(a));
    CHECK(verify_checksum(b));
    REQUIRE(a.tensors().size() == b.tensors().size());
    for (auto const& tensor : a.tensors()) {
        INFO(std::string(tensor.name));
        CHECK(std::ranges::equal(tensor.bytes, b.tensor(tensor.name).bytes));
    }
}

}  // namespace

TEST_CASE("A quantized f32 checkpoint is the file that the model is written to directly", "[gemma3]") {
    scratch_folder const folder;
    thread_pool pool(2);
    gemma3::export_options const untied{.untied_head = true};
    gemma3::make_model<recipes::f32>(cpu{}, small, 1, folder.path / "f32", untied);
    auto const source = gemma3::checkpoint::open(folder.path / "f32");
    REQUIRE(source.head() != nullptr);

    gemma3::make_model<recipes::q4_0>(cpu{}, small, 1, folder.path / "direct", untied);
    gemma3::quantize_checkpoint<recipes::q4_0>(cpu{pool}, source, folder.path / "quantized");
    check_same_tensors(folder.path / "direct", folder.path / "quantized");

    gemma3::make_model<recipes::mixed>(cpu{}, small, 1, folder.path / "direct", untied);
    gemma3::quantize_checkpoint<recipes::mixed>(cpu{}, source, folder.path / "quantized");
    check_same_tensors(folder.path / "direct", folder.path / "quantized");
}

TEST_CASE("Raw planes are read back as a model, and over the file that they lie in", "[gemma3]") {
    scratch_folder const folder;
    fs::path const path = folder.path / "m";
    gemma3::make_model<recipes::mixed>(cpu{}, small, 1, path);
    auto const before = gemma3::checkpoint::open(path);
    CHECK(before.config() == small);
    CHECK(before.activations() == activation_kind::int8);
    CHECK(before.head() == nullptr);
    gemma3::quantize_checkpoint<recipes::f32>(cpu{}, before, path);
    auto const after = gemma3::checkpoint::open(path);
    CHECK(after.activations() == activation_kind::f32);
    gemma3::for_each_parameter(
        [&](auto const&, std::uint32_t, stored_tensor const& packed, stored_tensor const& floats) {
            INFO(packed.name);
            REQUIRE(floats.format() == "F32");
            matrix<float> decoded(packed.rows, packed.columns);
            with_view(packed, [&](auto const& view) {
                for (std::size_t row = 0; row < packed.rows; ++row) {
                    decode_row(view, row, 0, decoded.row(row));
                }
            });
            CHECK(std::ranges::equal(floats.bytes,
                                     std::as_bytes(std::span(decoded.data(), packed.rows * packed.columns))));
        },
        before.tensors(), after.tensors());
}

TEST_CASE("Codes that stay in their storage are kept, whoever chose them", "[gemma3]") {
    scratch_folder const folder;
    constexpr auto half_range = recipe(role::otherwise = use<scheme<bits<4>, per_group<32>, absmax_over_half_range>>);
    constexpr auto nearest = recipe(role::otherwise = use<int4_g32>);
    gemma3::make_model<half_range>(cpu{}, small, 1, folder.path / "half", {.untied_head = true});
    gemma3::make_model<nearest>(cpu{}, small, 1, folder.path / "nearest", {.untied_head = true});
    auto const source = gemma3::checkpoint::open(folder.path / "half");
    auto const other = gemma3::checkpoint::open(folder.path / "nearest");
    CHECK_FALSE(std::ranges::equal(source.head()->bytes, other.head()->bytes));
    auto const written = gemma3::quantize_checkpoint<nearest>(cpu{}, source, folder.path / "kept");
    CHECK(written.requantized.empty());
    check_same_tensors(folder.path / "half", folder.path / "kept");

    gemma3::make_model<recipes::q4_0>(cpu{}, small, 1, folder.path / "blocks");
    gemma3::quantize_checkpoint<recipes::q4_0>(cpu{}, gemma3::checkpoint::open(folder.path / "blocks"),
                                               folder.path / "kept");
    check_same_tensors(folder.path / "blocks", folder.path / "kept");
}

TEST_CASE("Codes become others only where that is allowed, and what it loses is said", "[gemma3]") {
    scratch_folder const folder;
    fs::path const out = folder.path / "m";
    gemma3::make_model<recipes::q8_0>(cpu{}, small, 1, folder.path / "q8_0");
    auto const source = gemma3::checkpoint::open(folder.path / "q8_0");
    CHECK_THROWS_WITH(gemma3::quantize_checkpoint<recipes::q4_0>(cpu{}, source, out),
                      Catch::Matchers::StartsWith("tensor 'token_embd.weight' is stored as Q8_0 and the recipe stores "
                                                  "it as Q4_0, which cannot hold all its values") &&
                          Catch::Matchers::EndsWith("or allow the loss."));
    CHECK_FALSE(fs::exists(out));

    thread_pool pool(3);
    auto const written = gemma3::quantize_checkpoint<recipes::q4_0>(cpu{pool}, source, out, {.allow_loss = true});
    CHECK(written.requantized.size() == 1 + 7 * small.layers);
    gemma3::quantize_checkpoint<recipes::f32>(cpu{}, source, folder.path / "decoded");
    auto const decoded = gemma3::checkpoint::open(folder.path / "decoded");
    gemma3::quantize_checkpoint<recipes::q4_0>(cpu{}, decoded, folder.path / "again");
    check_same_tensors(out, folder.path / "again");

    auto const& before = decoded.tensors().token_embd;
    matrix<float> x(before.rows, before.columns);
    std::memcpy(x.data(), before.bytes.data(), before.bytes.size());
    auto const y = fake_quantize<q4_0>(cpu{}, x);
    double lost = 0;
    double whole = 0;
    for (std::size_t i = 0; i < x.rows() * x.columns(); ++i) {
        lost += std::pow(static_cast<double>(y.data()[i]) - static_cast<double>(x.data()[i]), 2);
        whole += std::pow(static_cast<double>(x.data()[i]), 2);
    }
    CHECK_THAT(written.requantized.at("token_embd.weight"), Catch::Matchers::WithinRel(std::sqrt(lost / whole), 1e-12));
    CHECK(gemma3::quantize_checkpoint<recipes::f16>(cpu{}, source, out).requantized.empty());
}

TEST_CASE("The name and the chat template of a GGUF file are kept unless others are given", "[gemma3]") {
    scratch_folder const folder;
    auto const old_template = text_pair("tokenizer.chat_template", "old");
    auto const new_template = text_pair("tokenizer.chat_template", "new");
    gemma3::make_model<recipes::f32>(cpu{}, small, 1, folder.path / "m",
                                     {.name = "old name", .pairs = {&old_template, 1}});
    auto const source = gemma3::checkpoint::open(folder.path / "m");
    gemma3::quantize_checkpoint<recipes::f32>(cpu{}, source, folder.path / "kept");
    auto const kept = gguf_file::open(folder.path / "kept");
    CHECK(kept.at("general.name").as_string() == "old name");
    CHECK(kept.at("tokenizer.chat_template").as_string() == "old");
    gemma3::quantize_checkpoint<recipes::f32>(cpu{}, source, folder.path / "given",
                                              {.name = "new name", .pairs = {&new_template, 1}});
    auto const given = gguf_file::open(folder.path / "given");
    CHECK(given.at("general.name").as_string() == "new name");
    CHECK(given.at("tokenizer.chat_template").as_string() == "new");
}

TEST_CASE("P17: a checkpoint without a tokenizer makes no GGUF file", "[gemma3]") {
    scratch_folder const folder;
    golden_model("gemma3-tiny").write(folder.path);
    auto const source = gemma3::checkpoint::open(folder.path);
    REQUIRE(source.words() == nullptr);
    CHECK_THROWS_WITH(gemma3::quantize_checkpoint<recipes::f32>(cpu{}, source, folder.path / "m"),
                      Catch::Matchers::ContainsSubstring("put tokenizer.model or tokenizer.json beside it"));
    CHECK_FALSE(fs::exists(folder.path / "m"));
}
