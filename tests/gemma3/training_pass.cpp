// SPDX-License-Identifier: Apache-2.0
#include "trained_golden.hpp"

#include <nibble/gemma3/training_pass.hpp>
#include <nibble/nn/recipes.hpp>
#include <nibble/tensor/thread_pool.hpp>

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>
#include <vector>

using namespace nibble;

namespace {

struct pass {
    double loss = 0;
    gemma3::trained_parameters gradients;
};

pass run(cpu where, gemma3::trained_model const& m, gemma3::training_loss const& loss = {}, bool recompute = false,
         std::size_t together = gemma3::logits_together) {
    auto const texts = golden_texts();
    auto const asked = static_cast<float>(texts.asked());
    pass result{.gradients = gemma3::zero_parameters(m.config)};
    result.loss = gemma3::loss_and_gradient(where, m, texts.batch(), loss, 1.0f / asked, {1, 2, 0}, recompute,
                                            result.gradients, together) /
                  static_cast<double>(asked);
    return result;
}

std::vector<float> flat(gemma3::trained_parameters& p) {
    std::vector<float> all;
    for_each_span(p, [&](std::span<float> values) { all.insert(all.end(), values.begin(), values.end()); });
    return all;
}

bool same_bits(std::vector<float> const& a, std::vector<float> const& b) {
    return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

}  // namespace

TEST_CASE("the gradient of every parameter is PyTorch's", "[gemma3]") {
    auto const m = trained_golden<recipes::f32>();
    auto [loss, gradients] = run(cpu{}, m);
    auto const wanted = golden_model("gemma3-train").gradients();
    // What is stored is an evaluation in double, rounded to f32; the pass is in f32: 4 blocks of some ten roundings
    // each.
    CHECK(std::fabs(loss / static_cast<double>(wanted.at(0)) - 1.0) < 1e-6);
    std::size_t at = 1;
    for_each_span(gradients, [&](std::span<float> values) {
        REQUIRE(at + values.size() <= wanted.size());
        double off = 0;
        double size = 0;
        double worst = 0;
        for (std::size_t i = 0; i < values.size(); ++i) {
            double const exact = static_cast<double>(wanted[at + i]);
            double const d = static_cast<double>(values[i]) - exact;
            off += d * d;
            size += exact * exact;
            worst = std::max(worst, std::fabs(d));
        }
        CAPTURE(at);
        CHECK(std::sqrt(off / size) < 1e-5);
        CHECK(worst < 1e-5 * std::sqrt(size));
        at += values.size();
    });
    CHECK(at == wanted.size());
}

TEST_CASE("P19: gradients do not depend on threads, nor on running blocks again", "[gemma3]") {
    auto const m = trained_golden<recipe(role::otherwise = use<int4_g32>, role::activations = use<int8_activations>,
                                         role::kv_cache = keep<bf16>)>();
    auto one = run(cpu{}, m);
    auto const expected = flat(one.gradients);
    for (std::size_t const threads : {2u, 5u}) {
        thread_pool pool(threads);
        auto many = run(cpu{pool}, m);
        CHECK(many.loss == one.loss);
        CHECK(same_bits(flat(many.gradients), expected));
    }
    auto again = run(cpu{}, m, {}, true);
    CHECK(again.loss == one.loss);
    CHECK(same_bits(flat(again.gradients), expected));
}

TEST_CASE("logits in parts give the gradients of all at once", "[gemma3]") {
    auto const m = trained_golden<recipes::int4_g32>();
    auto const teacher = trained_golden<recipes::f32>();
    // Σ over 40 rows of (p − t) / 38, at most 40 / 38 in all, times what the last norm gives, at most √32 times a
    // factor of at most 5: two sums in other orders, the second of 6 parts.
    float const cut_sum = 2 * (40 + 6) * 0x1p-24f * (40.0f / 38) * std::sqrt(32.0f) * 5;
    for (gemma3::training_loss const& loss : {gemma3::training_loss{}, gemma3::training_loss{.teacher = &teacher}}) {
        auto whole = run(cpu{}, m, loss);
        auto parts = run(cpu{}, m, loss, false, 7 * m.config.vocabulary);
        CHECK(std::fabs(parts.loss - whole.loss) < 1e-14 * whole.loss);  // 40 losses, in another order
        gemma3::for_each_parameter(
            [&](auto const& entry, std::uint32_t, auto const& a, auto const& b) {
                if constexpr (std::same_as<std::remove_cvref_t<decltype(entry)>, gemma3::embedding_entry>) {
                    for (std::size_t i = 0; i < a.values.rows() * a.values.columns(); ++i) {
                        REQUIRE(std::fabs(a.values.data()[i] - b.values.data()[i]) < cut_sum);
                    }
                } else if constexpr (requires { a.values; }) {
                    CHECK(a.values == b.values);
                } else {
                    CHECK(a == b);
                }
            },
            whole.gradients, parts.gradients);
    }
}

TEST_CASE("a quantized model's gradient is that of a float model of the stored values", "[gemma3]") {
    auto m = trained_golden<recipe(role::otherwise = use<int4_g32>, role::embedding = use<int8_channel>)>();
    auto quantized = run(cpu{}, m);
    auto floats = trained_golden<recipes::f32>();
    gemma3::for_each_parameter(
        [&](auto const& entry, std::uint32_t, auto& stored, auto const& given) {
            if constexpr (requires { given.values; }) {
                auto const seen =
                    gemma3::format_of(m.recipe, entry).see(cpu{}, activation_kind::f32, given, random_key{});
                auto const values = seen->values(cpu{});
                std::copy_n(values.data(), values.rows() * values.columns(), stored.values.data());
            }
        },
        floats.parameters, m.parameters);
    auto expected = run(cpu{}, floats);
    CHECK(quantized.loss == expected.loss);
    CHECK(same_bits(flat(quantized.gradients), flat(expected.gradients)));
}

TEST_CASE("a model that is its own teacher has nothing to learn", "[gemma3]") {
    auto const m = trained_golden<recipes::f32>();
    auto [loss, gradients] = run(cpu{}, m, {.teacher = &m, .temperature = 1.5f});
    CHECK(loss == 0.0);
    auto const size_of = [](std::vector<float> const& values) {
        double squares = 0;
        for (float const v : values) {
            squares += static_cast<double>(v) * static_cast<double>(v);
        }
        return std::sqrt(squares);
    };
    auto from_text = run(cpu{}, m);
    CHECK(size_of(flat(gradients)) < 1e-6 * size_of(flat(from_text.gradients)));  // roundings of the probabilities
    auto const quantized = trained_golden<recipe(role::otherwise = use<int4_g32>)>();
    auto taught = run(cpu{}, quantized, {.teacher = &m});
    CHECK(taught.loss > 0.0);
}
