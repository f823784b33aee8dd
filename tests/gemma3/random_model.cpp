// SPDX-License-Identifier: Apache-2.0
#include <nibble/gemma3/random_model.hpp>
#include <nibble/io/gguf.hpp>
#include <nibble/io/gguf_checksum.hpp>
#include <nibble/nn/recipes.hpp>
#include <nibble/tensor/thread_pool.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <support/scratch_folder.hpp>
#include <vector>

using namespace nibble;
namespace fs = std::filesystem;

namespace {

/// Rows whose width is no multiple of the four words that random bits come in.
constexpr gemma3::configuration odd{.hidden = 30,
                                    .layers = 2,
                                    .heads = 2,
                                    .kv_heads = 1,
                                    .head_dim = 18,
                                    .ffn = 70,
                                    .vocabulary = 300,
                                    .window = 16,
                                    .context = 64,
                                    .query_pre_attn_scalar = 18};

/// f(entry, layer, values) for every tensor of the model, made whole.
template <class F>
void for_each_random(gemma3::configuration const& c, std::uint64_t seed, F&& f) {
    gemma3::random_rows const rows(c, seed);
    gemma3::for_each_tensor(c, [&](auto const& entry, std::uint32_t layer) {
        matrix<float> values(entry.rows(c), entry.columns(c));
        rows(entry, layer, 0, values);
        f(entry, layer, values);
    });
}

}  // namespace

TEST_CASE("A random value is a function of seed, tensor and element: the formula, for any rows", "[gemma3]") {
    std::uint32_t number = 0;
    gemma3::random_rows const rows(odd, 7);
    for_each_random(odd, 7, [&](auto const& entry, std::uint32_t layer, matrix<float> const& values) {
        INFO(gemma3::gguf_name(entry, layer));
        float const scale = entry.is_matrix
                                ? static_cast<float>(1 / std::sqrt(21845.0 * static_cast<double>(values.columns())))
                                : 0x1p-10f;
        for (std::uint64_t e = 0; e < values.rows() * values.columns(); ++e) {
            std::uint32_t const bits = random_bits({.seed = 7, .tensor = number}, e);
            float const z =
                static_cast<float>((bits & 255) + (bits >> 8 & 255) + (bits >> 16 & 255) + (bits >> 24)) - 510.0f;
            REQUIRE(values.data()[e] == (entry.is_matrix ? z * scale : 1.0f + z * scale));
        }
        for (std::size_t first = 0; first < values.rows(); first += 7) {
            matrix<float> part(std::min<std::size_t>(7, values.rows() - first), values.columns());
            rows(entry, layer, first, part);
            REQUIRE(std::memcmp(part.data(), values.row(first).data(), part.rows() * part.columns() * sizeof(float)) ==
                    0);
        }
        ++number;
    });
    matrix<float> head(1, odd.hidden), embedding(1, odd.hidden);
    rows(gemma3::output_entry, 0, 0, head);
    rows(gemma3::token_embd_entry, 0, 0, embedding);
    CHECK_FALSE(head == embedding);
}

// Sample mean and variance of n values of variance v and fourth moment m4 deviate by √(v / n) and √((m4 − v²) / n);
// m4 < 3 v² for a sum of uniform values. Six of these is a bound.
TEST_CASE("Random weights have mean 0 and variance 1 / columns, norms lie between a half and one and a half",
          "[gemma3]") {
    for_each_random(gemma3_tiny, 1, [&](auto const& entry, std::uint32_t layer, matrix<float> const& values) {
        INFO(gemma3::gguf_name(entry, layer));
        auto const n = static_cast<double>(values.rows() * values.columns());
        if (!entry.is_matrix) {
            auto const [least, most] = std::minmax_element(values.data(), values.data() + values.columns());
            CHECK(*least >= 0.5f);
            CHECK(*most <= 1.5f);
            CHECK(*least < *most);
            return;
        }
        double sum = 0;
        double squares = 0;
        for (std::size_t i = 0; i < values.rows() * values.columns(); ++i) {
            auto const x = static_cast<double>(values.data()[i]);
            sum += x;
            squares += x * x;
        }
        double const variance = 1 / static_cast<double>(values.columns());
        CHECK(std::fabs(sum / n) <= 6 * std::sqrt(variance / n));
        CHECK(std::fabs(squares / n - variance) <= 6 * variance * std::sqrt(2 / n));
    });
}

TEST_CASE("A seed makes a model: the same file on any number of threads, another for another seed", "[gemma3]") {
    scratch_folder const folder;
    thread_pool pool(3);
    auto const made = gemma3::make_model<recipes::mixed>(cpu{}, odd, 1, folder.path / "a");
    gemma3::make_model<recipes::mixed>(cpu{pool}, odd, 1, folder.path / "b");
    gemma3::make_model<recipes::mixed>(cpu{}, odd, 2, folder.path / "c", {.name = "another"});
    CHECK(made.file_bytes == fs::file_size(folder.path / "a"));
    CHECK(text_of(folder.path / "a") == text_of(folder.path / "b"));
    auto const a = gguf_file::open(folder.path / "a");
    auto const c = gguf_file::open(folder.path / "c");
    CHECK(verify_checksum(a));
    CHECK(c.at("general.name").as_string() == "another");
    for (auto const& tensor : a.tensors()) {
        INFO(std::string(tensor.name));
        CHECK_FALSE(std::ranges::equal(tensor.bytes, c.tensor(tensor.name).bytes));
    }
}

TEST_CASE("P17: a configuration that is not valid makes no model", "[gemma3]") {
    scratch_folder const folder;
    auto few = odd;
    few.vocabulary = 100;
    CHECK_THROWS_WITH(gemma3::make_model<recipes::mixed>(cpu{}, few, 1, folder.path / "m"),
                      Catch::Matchers::ContainsSubstring("263 or more"));
    auto none = odd;
    none.layers = 0;
    CHECK_THROWS_WITH(gemma3::make_model<recipes::mixed>(cpu{}, none, 1, folder.path / "m"),
                      Catch::Matchers::ContainsSubstring("the number of layers is 0"));
    CHECK(fs::is_empty(folder.path));
}
