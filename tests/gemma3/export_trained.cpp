// SPDX-License-Identifier: Apache-2.0
#include "engine.hpp"
#include "trained_golden.hpp"

#include <nibble/gemma3/checkpoint_rows.hpp>
#include <nibble/gemma3/export_trained.hpp>
#include <nibble/gemma3/load.hpp>
#include <nibble/gemma3/trained_model.hpp>
#include <nibble/gemma3/training_texts.hpp>
#include <nibble/gemma3/vocabulary.hpp>
#include <nibble/nn/recipes.hpp>
#include <nibble/scheme/gradient.hpp>
#include <nibble/scheme/storage_list.hpp>

#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <support/scratch_folder.hpp>

using namespace nibble;

namespace {

matrix<float> logits_in_training(gemma3::trained_model const& m, std::vector<std::uint32_t> const& ids) {
    matrix<float> all(ids.size(), m.config.vocabulary);
    gemma3::for_each_logits(
        cpu{}, m, ids, trained_tokens, {},
        [&](std::size_t first, matrix<float> const& logits) {
            std::copy_n(logits.data(), logits.rows() * logits.columns(), all.row(first).data());
        },
        8 * m.config.vocabulary);
    return all;
}

/// gemma3-train with scores by the size of a head, as GGUF files have it.
template <auto Recipe, bool LearnScales = false>
gemma3::trained_model model_of_file() {
    auto m = trained_golden<Recipe, LearnScales>();
    m.config.query_pre_attn_scalar = static_cast<float>(m.config.head_dim);
    return m;
}

/// As many pieces as a model has, which no test looks at.
vocabulary some_words(std::uint32_t size) {
    std::vector<std::string> pieces{"<pad>", "<eos>", "<bos>", "<unk>"};
    std::vector<token_kind> kinds{token_kind::control, token_kind::control, token_kind::control, token_kind::unknown};
    while (pieces.size() < size) {
        pieces.push_back("word" + std::to_string(pieces.size()));
        kinds.push_back(token_kind::normal);
    }
    return {std::move(pieces), std::vector<float>(size), std::move(kinds)};
}

/// Of the exported and re-read file, text by text.
template <auto Recipe>
matrix<float> logits_in_service(gemma3::trained_model const& m, std::vector<std::uint32_t> const& ids) {
    scratch_folder const folder;
    auto const path = folder.path / "m.gguf";
    gemma3::export_trained<Recipe>(cpu{}, path, m, some_words(m.config.vocabulary));
    auto const served = gemma3::load(path);
    matrix<float> all(ids.size(), m.config.vocabulary);
    for (std::size_t first = 0; first < ids.size(); first += trained_tokens) {
        auto const text = gemma3::logits(cpu{}, served, std::span(ids).subspan(first, trained_tokens));
        std::copy_n(text.data(), text.rows() * text.columns(), all.row(first).data());
    }
    return all;
}

bool same_bits(matrix<float> const& a, matrix<float> const& b) {
    return std::memcmp(a.data(), b.data(), a.rows() * a.columns() * sizeof(float)) == 0;
}

constexpr auto w8a8 =
    recipe(role::otherwise = use<int8_channel>, role::activations = use<int8_activations>, role::kv_cache = keep<f16>);
constexpr auto ggml_blocks = recipe(role::mlp = use<int4_g32>, role::otherwise = use<q4_0>,
                                    role::activations = use<int8_activations>, role::kv_cache = use<int8_token>);
using shifted_blocks = with_gradient<q4_1, learned_step<>>;  // ggml has no blocks for the 48 columns of ffn_down
constexpr auto shifted = recipe(role::attention = use<shifted_blocks>, role::embedding = use<shifted_blocks>,
                                role::mlp = use<int4_g32>, role::activations = use<int8_activations>);
constexpr auto some_floats =
    recipe(role::mlp = use<int3_g64>, role::otherwise = keep<bf16>, role::activations = use<int8_activations>);

using stored_types = storage_list<storage_of<int4_g32>, storage_of<q4_0>, storage_of<int8_channel>>;

}  // namespace

TEMPLATE_TEST_CASE_SIG("logits in training are those of the exported file, bit for bit, where activations are int8",
                       "[gemma3][parity]", ((auto Recipe), Recipe), recipes::int4_g32, ggml_blocks, w8a8, some_floats) {
    auto const ids = trained_ids();
    auto const m = model_of_file<Recipe>();
    CHECK(same_bits(logits_in_training(m, ids), logits_in_service<Recipe>(m, ids)));
}

TEMPLATE_TEST_CASE_SIG("what the exported codes stand for is what training sees, of every matrix", "[gemma3][parity]",
                       ((auto Recipe, bool LearnScales), Recipe, LearnScales), (recipes::int4_g32, false),
                       (recipes::int4_g32, true), (ggml_blocks, false), (w8a8, true)) {
    auto const m = model_of_file<Recipe, LearnScales>();
    scratch_folder const folder;
    auto const path = folder.path / "m.gguf";
    gemma3::export_trained<Recipe>(cpu{}, path, m, some_words(m.config.vocabulary));
    auto const file = gemma3::checkpoint::open(path);
    auto const of_file = gemma3::parameters_from(file.config(), gemma3::detail::checkpoint_rows<stored_types>(file));
    std::size_t matrices = 0;
    gemma3::for_each_parameter(
        [&](auto const& entry, std::uint32_t, auto const& w, auto const& decoded) {
            if constexpr (requires { w.values; }) {
                auto const seen = format_of(m.recipe, entry).see(cpu{}, activation_kind::f32, w, {});
                matrix<float> const& values = decoded.values;
                auto const expected = seen->values(cpu{});
                CHECK(std::memcmp(values.data(), expected.data(), values.rows() * values.columns() * sizeof(float)) ==
                      0);
                ++matrices;
            }
        },
        m.parameters, of_file);
    CHECK(matrices == 1 + 7 * m.config.layers);
}

TEMPLATE_TEST_CASE_SIG("what is learned is in the exported file: scales, and a zero point beside them",
                       "[gemma3][parity]", ((auto Recipe), Recipe), recipes::int4_g32, shifted) {
    auto m = model_of_file<Recipe, true>();
    bool is_learned = false;
    gemma3::for_each_run(
        [&](gemma3::trained_kind kind, std::span<float> run) {
            if (kind == gemma3::trained_kind::learned && !run.empty()) {
                is_learned = true;
                std::ranges::transform(run, run.begin(), [](float x) { return 1.1f * x; });
            }
        },
        m.parameters);
    CHECK(is_learned);
    auto const ids = trained_ids();
    CHECK(same_bits(logits_in_training(m, ids), logits_in_service<Recipe>(m, ids)));
}

TEST_CASE("with float activations logits in training and in service differ by the order of sums alone", "[gemma3]") {
    auto const ids = trained_ids();
    constexpr auto floats = recipe(role::otherwise = use<int4_g32>);
    auto const m = model_of_file<floats>();
    auto const a = logits_in_training(m, ids);
    auto const b = logits_in_service<floats>(m, ids);
    double off = 0;
    double size = 0;
    for (std::size_t i = 0; i < a.rows() * a.columns(); ++i) {
        double const d = static_cast<double>(a.data()[i]) - static_cast<double>(b.data()[i]);
        off += d * d;
        size += static_cast<double>(b.data()[i]) * static_cast<double>(b.data()[i]);
    }
    // As far as an f32 forward may be from the exact one: tests/gemma3/forward.cpp.
    CHECK(off / size < 1e-10);
}
