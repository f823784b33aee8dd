// SPDX-License-Identifier: Apache-2.0
// A step of training the configuration `tiny` on 16 texts of 256 tokens, on all threads: in floats and under recipes;
// its dense products alone, which CBLAS does in a build with NIBBLE_BLAS; and what a product sees of a weight, beside a
// copy of it.
#include <nibble/gemm/dense_product.hpp>
#include <nibble/gemma3/random_model.hpp>
#include <nibble/gemma3/trainer.hpp>
#include <nibble/nn/recipes.hpp>
#include <nibble/quantize.hpp>
#include <nibble/tensor/thread_pool.hpp>

#include <benchmark/benchmark.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <random>
#include <span>
#include <vector>

namespace {

using namespace nibble;

constexpr auto tiny = gemma3_tiny;
constexpr std::size_t texts = 16;
constexpr std::size_t tokens = 256;

template <auto Recipe, bool LearnScales>
void step(benchmark::State& state) {
    thread_pool pool;
    cpu const where(pool);
    gemma3::trainer<> trainer(gemma3::make_trained(where, tiny, gemma3::trained_recipe_of<Recipe, LearnScales>(),
                                                   gemma3::parameters_from(tiny, gemma3::random_rows(tiny, 1))),
                              {});
    std::mt19937 random(1);
    std::vector<std::uint32_t> ids(texts * tokens), targets(texts * tokens);
    for (std::size_t i = 0; i < ids.size(); ++i) {
        ids[i] = static_cast<std::uint32_t>(random() % tiny.vocabulary);
        targets[i] = static_cast<std::uint32_t>(random() % tiny.vocabulary);
    }
    gemma3::training_batch const batch{ids, targets, tokens};
    for (auto _ : state) {
        benchmark::DoNotOptimize(trainer.step(where, std::span(&batch, 1)));
    }
    state.counters["tokens/s"] =
        benchmark::Counter(static_cast<double>(ids.size()), benchmark::Counter::kIsIterationInvariantRate);
}

/// y = x wᵀ, dx = dy w and dw = dyᵀ x of every matrix of the model.
void products(benchmark::State& state) {
    thread_pool pool;
    cpu const where(pool);
    struct sizes {
        std::size_t n, k;
    };
    std::vector<sizes> all;
    gemma3::for_each_tensor(tiny, [&](auto const& entry, std::uint32_t) {
        if (entry.is_matrix) {
            all.push_back({entry.rows(tiny), entry.columns(tiny)});
        }
    });
    for (auto _ : state) {
        for (auto const [n, k] : all) {
            state.PauseTiming();
            matrix<float> x(texts * tokens, k), w(n, k), y(texts * tokens, n);
            state.ResumeTiming();
            dense_product(where, x, operand::as_is, w, operand::transposed, y);
            dense_product(where, y, operand::as_is, w, operand::as_is, x);
            dense_product(where, y, operand::transposed, x, operand::as_is, w);
        }
    }
}

matrix<float> normal(std::size_t rows, std::size_t columns) {
    matrix<float> x(rows, columns);
    std::mt19937 random(1);
    std::normal_distribution<float> draw;
    for (std::size_t i = 0; i < rows * columns; ++i) {
        x.data()[i] = draw(random);
    }
    return x;
}

template <class S>
void seeing(benchmark::State& state) {
    auto const x = normal(1024, 4096);
    thread_pool pool;
    for (auto _ : state) {
        benchmark::DoNotOptimize(fake_quantize<S>(cpu(pool), x));
    }
    state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * x.rows() * x.columns() * 8));
}

void copying(benchmark::State& state) {
    auto const x = normal(1024, 4096);
    thread_pool pool;
    for (auto _ : state) {
        matrix<float> y(x.rows(), x.columns());
        cpu(pool).parallel_for(x.rows(), [&](std::size_t begin, std::size_t end) {
            std::memcpy(y.row(begin).data(), x.row(begin).data(), (end - begin) * x.columns() * sizeof(float));
        });
        benchmark::DoNotOptimize(y.data());
    }
    state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * x.rows() * x.columns() * 8));
}

constexpr auto int4_floats = recipe(role::otherwise = use<int4_g32>);
constexpr auto int2_floats = recipe(role::otherwise = use<int2_g32>);

BENCHMARK(step<recipes::f32, false>)->Name("step, f32")->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(step<int4_floats, false>)
    ->Name("step, int4_g32, f32 activations")
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();
BENCHMARK(step<int2_floats, true>)
    ->Name("step, int2_g32, learned scales, f32 activations")
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();
BENCHMARK(step<recipes::int4_g32, false>)
    ->Name("step, int4_g32, int8 activations")
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();
BENCHMARK(products)->Name("dense products of a step")->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(copying)->Name("copy")->Unit(benchmark::kMicrosecond)->UseRealTime();
BENCHMARK(seeing<int4_g32>)->Name("fake_quantize, int4_g32")->Unit(benchmark::kMicrosecond)->UseRealTime();
BENCHMARK(seeing<int4_channel>)->Name("fake_quantize, int4_channel")->Unit(benchmark::kMicrosecond)->UseRealTime();
BENCHMARK(seeing<q4_0>)->Name("fake_quantize, q4_0")->Unit(benchmark::kMicrosecond)->UseRealTime();

}  // namespace
