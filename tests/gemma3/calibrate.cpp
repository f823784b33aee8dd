// SPDX-License-Identifier: Apache-2.0
#include "engine.hpp"

#include <nibble/gemma3/calibrate.hpp>
#include <nibble/gemma3/random_model.hpp>
#include <nibble/nn/recipes.hpp>
#include <nibble/tensor/thread_pool.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <support/golden_model.hpp>
#include <support/scratch_folder.hpp>

using namespace nibble;
using Catch::Matchers::ContainsSubstring;

namespace {

constexpr gemma3::configuration small{.hidden = 64,
                                      .layers = 3,
                                      .heads = 2,
                                      .kv_heads = 1,
                                      .head_dim = 32,
                                      .ffn = 192,
                                      .vocabulary = 600,
                                      .window = 16,
                                      .pattern = 2,
                                      .context = 64,
                                      .query_pre_attn_scalar = 32};

/// Texts in which some tokens are much more frequent than others.
std::vector<std::vector<std::uint32_t>> texts(std::size_t count, unsigned seed) {
    std::mt19937 random(seed);
    std::vector<std::vector<std::uint32_t>> result(count);
    for (std::size_t i = 0; i < count; ++i) {
        result[i].push_back(2);
        for (std::size_t t = 0; t < 20 + 10 * (i % 3); ++t) {
            double const u = static_cast<double>(random() % 1000) / 1000;
            result[i].push_back(4 + static_cast<std::uint32_t>(u * u * u * 596));
        }
    }
    return result;
}

struct distance {
    double kl;    ///< mean over the tokens of KL(softmax(wanted) ‖ softmax(got))
    double nmse;  ///< of the logits
};

distance distance_of(matrix<float> const& got, matrix<float> const& wanted) {
    auto const probabilities = [](std::span<float const> logits) {
        double const largest = static_cast<double>(*std::max_element(logits.begin(), logits.end()));
        std::vector<double> p(logits.size());
        double sum = 0;
        for (std::size_t i = 0; i < p.size(); ++i) {
            sum += p[i] = std::exp(static_cast<double>(logits[i]) - largest);
        }
        for (double& v : p) {
            v /= sum;
        }
        return p;
    };
    double kl = 0;
    for (std::size_t t = 0; t < got.rows(); ++t) {
        auto const p = probabilities(wanted.row(t));
        auto const q = probabilities(got.row(t));
        for (std::size_t i = 0; i < p.size(); ++i) {
            kl += p[i] * std::log(p[i] / q[i]) / static_cast<double>(got.rows());
        }
    }
    std::vector<float> const reference(wanted.data(), wanted.data() + wanted.rows() * wanted.columns());
    return {kl, normalized_square_error(got, reference)};
}

/// The sum of distances from the float model on texts that it was not calibrated on.
distance held_out(std::filesystem::path const& file, std::filesystem::path const& floats) {
    auto const m = gemma3::load(file, {.activations = activation_kind::f32});
    auto const reference = gemma3::load(floats);
    distance sum{};
    for (auto const& ids : texts(12, 77)) {
        auto const d = distance_of(gemma3::logits(cpu{}, m, ids), gemma3::logits(cpu{}, reference, ids));
        sum.kl += d.kl;
        sum.nmse += d.nmse;
    }
    return sum;
}

template <auto Recipe>
void check_nearer() {
    scratch_folder const folder;
    gemma3::make_model<recipes::f32>(cpu{}, small, 5, folder / "f32");
    auto const source = gemma3::checkpoint::open(folder / "f32");
    gemma3::quantize_checkpoint<Recipe>(cpu{}, source, folder / "nearest");
    std::vector<std::string> names;
    gemma3::calibration const how{.texts = texts(60, 1),
                                  .report = [&](std::string const& name, double nearest, double written) {
                                      INFO(name << ": " << written / nearest);
                                      names.push_back(name);
                                      CHECK(written < nearest);
                                  }};
    auto const written = gemma3::quantize_checkpoint<Recipe>(cpu{}, source, how, folder / "gptq");
    CHECK(names.size() == small.layers * 7);
    CHECK(names[0] == "blk.0.attn_q.weight");
    CHECK(names.back() == "blk.2.ffn_down.weight");
    CHECK(written.file_bytes == std::filesystem::file_size(folder / "nearest"));
    auto const nearest = held_out(folder / "nearest", folder / "f32");
    auto const gptq = held_out(folder / "gptq", folder / "f32");
    UNSCOPED_INFO("KL " << gptq.kl << " of " << nearest.kl << ", NMSE " << gptq.nmse << " of " << nearest.nmse);
    CHECK(gptq.kl < nearest.kl);
    CHECK(gptq.nmse < nearest.nmse);
}

/// The moments of a block's inputs, each in its place by block_input.
struct inputs {
    std::array<second_moments, 4> moments{second_moments(small.hidden), second_moments(small.query_width()),
                                          second_moments(small.hidden), second_moments(small.ffn)};
};

}  // namespace

TEST_CASE("A calibrated file is nearer to the float model on other texts than one of nearest codes", "[gemma3]") {
    check_nearer<recipes::int4_g32>();
    check_nearer<recipes::int3_g64>();
    check_nearer<recipes::q4_0>();
}

TEST_CASE("Each matrix is that of gptq on its inputs behind the blocks as they are written", "[gemma3]") {
    scratch_folder const folder;
    gemma3::make_model<recipes::f32>(cpu{}, small, 5, folder / "f32");
    auto const source = gemma3::checkpoint::open(folder / "f32");
    for (bool const ordered : {false, true}) {
        gemma3::calibration const how{.texts = texts(10, 1),
                                      .feedback = {.damping = 0.02, .order_by_diagonal = ordered}};
        gemma3::quantize_checkpoint<recipes::int4_g32>(cpu{}, source, how, folder / "m");
        auto const file = gemma3::checkpoint::open(folder / "m");
        gemma3::quantize_checkpoint<recipes::f32>(cpu{}, file, folder / "decoded");
        auto const floats = gemma3::load(folder / "f32");
        auto const decoded = gemma3::load(folder / "decoded");

        std::vector<inputs> layers(small.layers);
        for (auto const& ids : how.texts) {
            matrix<float> h(ids.size(), small.hidden);
            embed(cpu{}, ids, decoded.parameters.token_embd, small.embedding_scale(), h);
            for (std::uint32_t layer = 0; layer < small.layers; ++layer) {
                auto const base = small.is_global(layer) ? small.rope_base : small.rope_base_local;
                rotation const angles(0, ids.size(), small.head_dim, static_cast<double>(base));
                gemma3::kv_cache cache(small, ids.size(), ids.size());
                gemma3::block_values values(small, ids.size());
                gemma3::mix_behind_cache const mix{layer, angles, cache};
                auto before = h;
                auto const& block = floats.parameters.blocks[layer];
                auto const gather = [&](cpu where, activation_kind kind, gemma3::block_input input,
                                        matrix_view<float const> x, any_weight const& w, matrix_view<float> y) {
                    if (&w == &block.attn_q || &w == &block.attn_output || &w == &block.ffn_up ||
                        &w == &block.ffn_down) {
                        layers[layer].moments[static_cast<std::size_t>(input)].add(where, x);
                    }
                    linear(where, kind, x, w, y);
                };
                forward(cpu{}, small, block, activation_kind::f32, mix, values, before, gather);
                forward(cpu{}, small, decoded.parameters.blocks[layer], activation_kind::f32, mix, values, h);
            }
        }
        gemma3::for_each_parameter(
            [&](auto const& entry, std::uint32_t layer, stored_tensor const& written, stored_tensor const& given) {
                if (entry.in_block && entry.is_matrix) {
                    INFO(written.name);
                    std::string_view const name = entry.gguf;
                    auto const input = name == "attn_output"                    ? gemma3::block_input::mixed
                                       : name == "ffn_down"                     ? gemma3::block_input::gated
                                       : name == "ffn_gate" || name == "ffn_up" ? gemma3::block_input::mlp
                                                                                : gemma3::block_input::attention;
                    matrix<float> w(given.rows, given.columns);
                    REQUIRE(given.bytes.size() == given.rows * given.columns * sizeof(float));
                    std::memcpy(w.data(), given.bytes.data(), given.bytes.size());
                    auto const packed =
                        gptq<int4_g32>(cpu{}, w, layers[layer].moments[static_cast<std::size_t>(input)], how.feedback);
                    CHECK(std::ranges::equal(written.bytes, packed.view().bytes()));
                }
            },
            file.tensors(), source.tensors());
    }
}

TEST_CASE("P19: a calibrated file has the same bytes for any number of threads", "[gemma3]") {
    scratch_folder const folder;
    gemma3::make_model<recipes::f32>(cpu{}, small, 5, folder / "f32", {.untied_head = true});
    auto const source = gemma3::checkpoint::open(folder / "f32");
    gemma3::calibration const how{.texts = texts(10, 1)};
    gemma3::quantize_checkpoint<recipes::mixed>(cpu{}, source, how, folder / "one");
    thread_pool pool(2);
    gemma3::quantize_checkpoint<recipes::mixed>(cpu{pool}, source, how, folder / "two");
    CHECK(text_of(folder / "one") == text_of(folder / "two"));
}

TEST_CASE("What a recipe keeps as floats, and the embedding, are as without calibration", "[gemma3]") {
    constexpr auto half = recipe(role::embedding = use<int8_channel>, role::attention = keep<bf16>,
                                 role::mlp = use<q4_1>, role::activations = use<int8_activations>);
    scratch_folder const folder;
    gemma3::make_model<recipes::f32>(cpu{}, small, 5, folder / "f32");
    auto const source = gemma3::checkpoint::open(folder / "f32");
    gemma3::quantize_checkpoint<half>(cpu{}, source, folder / "nearest");
    gemma3::quantize_checkpoint<half>(cpu{}, source, {.texts = texts(10, 1)}, folder / "gptq");
    auto const nearest = gguf_file::open(folder / "nearest");
    auto const gptq = gguf_file::open(folder / "gptq");
    for (auto const& tensor : nearest.tensors()) {
        INFO(std::string(tensor.name));
        bool const quantized =
            tensor.name.find("ffn_") != tensor.name.npos && tensor.name.find("norm") == tensor.name.npos;
        CHECK(std::ranges::equal(tensor.bytes, gptq.tensor(tensor.name).bytes) == !quantized);
    }
}

TEST_CASE("P17: what cannot be calibrated is refused before a file appears", "[gemma3]") {
    scratch_folder const folder;
    gemma3::make_model<recipes::f32>(cpu{}, small, 5, folder / "f32");
    gemma3::make_model<recipes::q8_0>(cpu{}, small, 5, folder / "q8_0");
    auto const floats = gemma3::checkpoint::open(folder / "f32");
    auto const quantized = gemma3::checkpoint::open(folder / "q8_0");
    auto const some = texts(1, 1);
    CHECK_THROWS_WITH(gemma3::quantize_checkpoint<recipes::q4_0>(cpu{}, quantized, {.texts = some}, folder / "m"),
                      ContainsSubstring("blk.0.attn_q.weight") && ContainsSubstring("start from floats"));
    CHECK_THROWS_WITH(gemma3::quantize_checkpoint<recipes::bf16>(cpu{}, floats, {.texts = some}, folder / "m"),
                      ContainsSubstring("nothing to calibrate"));
    CHECK_THROWS_WITH(gemma3::quantize_checkpoint<recipes::q4_0>(cpu{}, floats, gemma3::calibration{}, folder / "m"),
                      ContainsSubstring("no text"));
    CHECK_THROWS_WITH(gemma3::quantize_checkpoint<recipes::q4_0>(cpu{}, floats, {.texts = {{2, 600}}}, folder / "m"),
                      ContainsSubstring("id 600"));
    CHECK_THROWS_WITH(gemma3::quantize_checkpoint<recipes::q4_0>(
                          cpu{}, floats, {.texts = some, .feedback = {.damping = -1}}, folder / "m"),
                      ContainsSubstring("blk.0.attn_q.weight") && ContainsSubstring("damping"));
    golden_model("gemma3-tiny").write(folder.path);
    auto const wordless = gemma3::checkpoint::open(folder.path);
    CHECK_THROWS_WITH(gemma3::quantize_checkpoint<recipes::q4_0>(cpu{}, wordless, {.texts = some}, folder / "m"),
                      ContainsSubstring("has no tokenizer"));
    CHECK_FALSE(std::filesystem::exists(folder / "m"));
}
