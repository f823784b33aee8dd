// SPDX-License-Identifier: Apache-2.0
#include "trained_golden.hpp"

#include <nibble/gemma3/trainer.hpp>
#include <nibble/nn/recipes.hpp>
#include <nibble/scheme/gradient.hpp>
#include <nibble/tensor/thread_pool.hpp>

#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <utility>
#include <vector>

using namespace nibble;

namespace {

using int4_learned = scheme<bits<4>, per_group<32>, scale_as<bf16>, learned_step<>>;
constexpr auto integers = recipe(role::otherwise = use<int4_g32>, role::activations = use<int8_activations>);
constexpr auto learned = recipe(role::otherwise = use<int4_learned>);

template <class State>
gemma3::training_step step(gemma3::trainer<State>& t, texts_to_learn const& from, cpu where = {},
                           gemma3::training_loss const& loss = {}) {
    auto const batch = from.batch();
    return t.step(where, {&batch, 1}, loss);
}

/// Every bit that steps change.
template <class State>
std::vector<std::byte> bits_of(gemma3::trainer<State> const& t) {
    std::vector<std::byte> all;
    auto const add = [&](auto numbers) {
        auto const bytes = std::as_bytes(numbers);
        all.insert(all.end(), bytes.begin(), bytes.end());
    };
    gemma3::for_each_run([&](gemma3::trained_kind, std::span<float const> w) { add(w); }, t.model().parameters);
    add(t.mean());
    add(t.square());
    return all;
}

std::vector<float> numbers_of(gemma3::trained_model const& m, gemma3::trained_kind of) {
    std::vector<float> all;
    gemma3::for_each_run(
        [&](gemma3::trained_kind kind, std::span<float const> w) {
            if (kind == of) {
                all.insert(all.end(), w.begin(), w.end());
            }
        },
        m.parameters);
    return all;
}

}  // namespace

TEMPLATE_TEST_CASE_SIG("a model learns a text that it reads again and again", "[gemma3]",
                       ((auto Recipe, class State), Recipe, State), (recipes::f32, float), (integers, bf16),
                       (learned, float), (learned, bf16)) {
    auto const text = golden_texts();
    gemma3::trainer<State> t(trained_golden<Recipe>(), {.rate = schedule::constant(1e-2, 4)});
    double const first = step(t, text).loss;
    gemma3::training_step last;
    for (int i = 1; i < 30; ++i) {
        last = step(t, text);
    }
    double const guess = std::log(static_cast<double>(trained_sizes.vocabulary));
    CHECK(first > guess);          // random weights are worse than none
    CHECK(last.loss < guess / 2);  // and these know the text
    CHECK(t.steps() == 30);
    CHECK(t.skipped() == 0);
}

TEMPLATE_TEST_CASE_SIG("P19: a step is the same bits for any number of threads", "[gemma3]",
                       ((auto Recipe, class State), Recipe, State), (integers, float), (learned, bf16)) {
    auto const run = [](cpu where) {
        gemma3::trainer<State> t(trained_golden<Recipe>(), {.clip = 0.5, .seed = 3});
        for (int i = 0; i < 2; ++i) {
            step(t, golden_texts(), where);
        }
        return bits_of(t);
    };
    auto const alone = run(cpu{});
    for (std::size_t const threads : {2u, 5u}) {
        thread_pool pool(threads);
        CHECK((run(cpu{pool}) == alone));
    }
}

TEST_CASE("running blocks again changes no bit of a step", "[gemma3]") {
    auto const run = [](bool recompute) {
        gemma3::trainer<> t(trained_golden<integers>(), {.recompute = recompute});
        step(t, golden_texts());
        return bits_of(t);
    };
    CHECK((run(true) == run(false)));
}

TEST_CASE("a step says its rate, its loss before the update and the norm before it is clipped", "[gemma3]") {
    auto const text = golden_texts();
    auto const warm = schedule::constant(1e-3, 10);
    gemma3::trainer<> t(trained_golden<recipes::f32>(), {.rate = warm, .clip = 1e-3});
    auto gradients = gemma3::zero_parameters(trained_sizes);
    double const sum = gemma3::loss_and_gradient(cpu{}, t.model(), text.batch(), {},
                                                 static_cast<float>(1 / text.asked()), {}, false, gradients);
    std::vector<std::span<float>> runs;
    gemma3::for_each_run([&](gemma3::trained_kind, std::span<float> g) { runs.push_back(g); }, gradients);
    auto const first = step(t, text);
    CHECK(first.loss == sum / text.asked());
    CHECK(first.norm == global_norm(cpu{}, std::span<std::span<float> const>(runs)));
    CHECK(first.norm > 1e-3);
    CHECK(first.rate == warm.rate(1));
    CHECK(step(t, text).rate == warm.rate(2));
}

TEST_CASE("a batch given twice is a step as that batch once", "[gemma3]") {
    // The gradient's factor is halved exactly, and so is every product on the way back; each sum of a batch begins with
    // its products, so that both halves are equal and add up without rounding. Not so where a row of the embedding
    // gets the sums of both its uses: those of the ids in the text.
    auto const text = golden_texts();
    gemma3::trainer_options const options{.adamw = {.beta1 = 0, .beta2 = 0},
                                          .clip = (std::numeric_limits<double>::infinity)()};
    gemma3::trainer<> once(trained_golden<recipes::f32>(), options);
    gemma3::trainer<> twice(trained_golden<recipes::f32>(), options);
    auto const a = step(once, text);
    std::vector<gemma3::training_batch> const both(2, text.batch());
    auto const b = twice.step(cpu{}, both);
    CHECK(a.loss == b.loss);  // twice the sum over twice the tokens
    std::size_t const table = std::size_t{trained_sizes.vocabulary} * trained_sizes.hidden;
    std::size_t different = 0;
    for (std::size_t i = 0; i < once.mean().size(); ++i) {
        bool const is_summed = i < table && std::ranges::count(text.ids, i / trained_sizes.hidden) != 0;
        different += !is_summed && once.mean()[i] != twice.mean()[i] ? 1 : 0;
    }
    CHECK(different == 0);
}

TEST_CASE("two batches are a step as one batch of all their texts", "[gemma3]") {
#if defined(NIBBLE_CBLAS)
    SKIP("the order of CBLAS's sums is its own");
#endif
    // dense_product sums segments of 256 rows in sequence, so that a first batch of 256 tokens changes no order in the
    // gradients of matrices, but for rows of the embedding that are ids of a text. With beta1 = 0 the mean is the
    // gradient.
    std::vector<std::uint32_t> ids;
    for (std::uint32_t i = 0; i < 384; ++i) {
        ids.push_back(random_bits({7, 0, 0}, i) % 48);
    }
    auto const part = [&](std::size_t first, std::size_t count) {
        auto const begin = ids.begin() + static_cast<std::ptrdiff_t>(first);
        return texts_to_learn({begin, begin + static_cast<std::ptrdiff_t>(count)}, 16);
    };
    auto const a = part(0, 256), b = part(256, 128), all = part(0, 384);
    auto const gradient_of = [](std::vector<gemma3::training_batch> const& batches, double& loss) {
        gemma3::trainer<> t(trained_golden<recipes::f32>(),
                            {.adamw = {.beta1 = 0, .beta2 = 0}, .clip = (std::numeric_limits<double>::infinity)()});
        loss = t.step(cpu{}, batches).loss;
        return std::vector<float>(t.mean().begin(), t.mean().end());
    };
    double loss_of_all = 0, loss_of_parts = 0, loss_of_a = 0;
    auto const whole = gradient_of({all.batch()}, loss_of_all);
    auto const parts = gradient_of({a.batch(), b.batch()}, loss_of_parts);
    auto const of_a = gradient_of({a.batch()}, loss_of_a);
    // Losses are positive and summed in double, in two orders of fewer than 384 additions.
    CHECK(std::fabs(loss_of_parts - loss_of_all) <= 2 * 384 * 0x1p-53 * loss_of_all);

    auto const m = trained_golden<recipes::f32>();
    std::size_t at = 0;
    std::size_t wrong = 0;
    gemma3::for_each_run(
        [&](gemma3::trained_kind kind, std::span<float const> w) {
            std::size_t const summed = at == 0 ? 48 * trained_sizes.hidden : 0;  // rows of the embedding
            for (std::size_t i = summed; i < w.size(); ++i) {
                auto const g = static_cast<double>(whole[at + i]);
                auto const other = static_cast<double>(parts[at + i]);
                // A norm's sums are rounded to f32 behind each batch; their own rounding in double is far below.
                double const rounded = std::fabs(static_cast<double>(of_a[at + i])) * a.asked() / all.asked();
                double const bound = kind == gemma3::trained_kind::norm
                                         ? 1.01 * 0x1p-24 * (rounded + std::fabs(g) + std::fabs(other))
                                         : 0.0;
                wrong += std::fabs(g - other) <= bound ? 0 : 1;
            }
            at += w.size();
        },
        m.parameters);
    CHECK(wrong == 0);
    CHECK(at == whole.size());
}

TEMPLATE_TEST_CASE("P25: a step whose gradient is not finite is counted and changes nothing", "[gemma3]", float, bf16) {
    auto const text = golden_texts();
    gemma3::trainer<TestType> t(trained_golden<recipes::f32>(), {.rate = schedule::constant(1e-3)});
    step(t, text);
    auto const before = bits_of(t);
    auto broken = trained_golden<recipes::f32>();
    broken.parameters.output_norm[3] = (std::numeric_limits<float>::infinity)();
    auto const skipped = step(t, text, {}, {.teacher = &broken});
    CHECK(skipped.skipped);
    CHECK_FALSE((std::isfinite(skipped.loss) && std::isfinite(skipped.norm)));
    CHECK((bits_of(t) == before));
    CHECK(t.steps() == 2);
    CHECK(t.skipped() == 1);
    CHECK_FALSE(step(t, text).skipped);
    if constexpr (std::same_as<TestType, float>) {  // nothing is random: as if the skipped step had not been
        gemma3::trainer<> other(trained_golden<recipes::f32>(), {.rate = schedule::constant(1e-3)});
        step(other, text);
        step(other, text);
        CHECK((bits_of(t) == bits_of(other)));
    }
}

TEMPLATE_TEST_CASE_SIG("P25: weights that overflow the pass stop no run", "[gemma3]", ((auto Recipe), Recipe),
                       recipes::f32, integers) {
    auto m = trained_golden<Recipe>();
    m.parameters.blocks[1].ffn_gate.values(2, 3) = 1e38f;
    m.parameters.blocks[1].ffn_up.values(2, 3) = 1e38f;
    gemma3::trainer<> t(std::move(m), {});
    auto const before = bits_of(t);
    auto const result = step(t, golden_texts());
    CHECK(result.skipped);
    CHECK(t.skipped() == 1);
    CHECK((bits_of(t) == before));
}

TEST_CASE("weights decay, norms and learned scales do not", "[gemma3]") {
    auto const after = [](double decay) {
        gemma3::trainer<> t(trained_golden<learned>(),
                            {.rate = schedule::constant(1e-2), .adamw = {.weight_decay = decay}});
        step(t, golden_texts());
        return t.model();
    };
    auto const plain = after(0.0);
    auto const decayed = after(0.5);
    using gemma3::trained_kind;
    CHECK(numbers_of(plain, trained_kind::norm) == numbers_of(decayed, trained_kind::norm));
    CHECK(numbers_of(plain, trained_kind::learned) == numbers_of(decayed, trained_kind::learned));
    CHECK(numbers_of(plain, trained_kind::learned) != numbers_of(trained_golden<learned>(), trained_kind::learned));
    auto const a = numbers_of(plain, trained_kind::weights);
    auto const b = numbers_of(decayed, trained_kind::weights);
    auto const from = numbers_of(trained_golden<learned>(), trained_kind::weights);
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
        // Each result is w − rate · (…), rounded once; the sum in it twice: 4 roundings of at most |w| + rate · 1.5.
        double const taken = static_cast<double>(a[i]) - static_cast<double>(b[i]);
        double const size = std::fabs(static_cast<double>(from[i])) + 1.5e-2;
        wrong += std::fabs(taken - 5e-3 * static_cast<double>(from[i])) <= 4 * 0x1p-24 * size ? 0 : 1;
    }
    CHECK(wrong == 0);
}

TEST_CASE("state is 8 bytes a parameter, 4 in bf16, and a learned scale is a parameter", "[gemma3]") {
    auto const m = trained_golden<learned>();
    std::size_t count = 0;
    for (auto const kind : {gemma3::trained_kind::weights, gemma3::trained_kind::learned, gemma3::trained_kind::norm}) {
        count += numbers_of(m, kind).size();
    }
    auto const bytes = [](auto const& t) { return t.mean().size_bytes() + t.square().size_bytes(); };
    // One scale for 32 weights of a row; the 48 columns of ffn_down take two.
    CHECK(numbers_of(m, gemma3::trained_kind::learned).size() ==
          numbers_of(m, gemma3::trained_kind::weights).size() / 32 + trained_sizes.layers * trained_sizes.hidden / 2);
    CHECK(bytes(gemma3::trainer<float>(m, {})) == 8 * count);
    CHECK(bytes(gemma3::trainer<bf16>(m, {})) == 4 * count);
}

TEST_CASE("a step without a token to predict is refused, and changes nothing", "[gemma3]") {
    gemma3::trainer<> t(trained_golden<recipes::f32>(), {});
    auto const before = bits_of(t);
    texts_to_learn const single({1, 2, 3}, 1);
    CHECK_THROWS_WITH(step(t, single), Catch::Matchers::ContainsSubstring("no token to predict"));
    CHECK(t.steps() == 0);
    CHECK((bits_of(t) == before));
}

TEST_CASE("options out of range are refused before there is a trainer", "[gemma3]") {
    auto const make = [](gemma3::trainer_options const& options) {
        gemma3::trainer<> t(trained_golden<recipes::f32>(), options);
    };
    CHECK_THROWS_WITH(make({.clip = 0}), Catch::Matchers::ContainsSubstring("longest gradient"));
    CHECK_THROWS_AS(make({.adamw = {.beta2 = 1}}), nibble::error);
    CHECK_THROWS_AS(make({.learned_rate = -1}), nibble::error);
}

TEST_CASE("a trainer does not go on from more skipped steps than steps", "[gemma3]") {
    gemma3::trainer<> t(trained_golden<recipes::f32>(), {});
    CHECK_THROWS_AS(t.resume(3, 4, [](auto&, auto, auto) {}), nibble::error);
    t.resume(3, 2, [](auto&, auto mean, auto) { mean[0] = 0.5f; });
    CHECK(t.steps() == 3);
    CHECK(t.skipped() == 2);
    CHECK(t.mean()[0] == 0.5f);
}
