// SPDX-License-Identifier: Apache-2.0
// Quantizing 512 × 4096 values on one thread, and the random rounding of the same.
#include <nibble/quantize.hpp>
#include <nibble/scheme.hpp>

#include <benchmark/benchmark.h>

#include <random>

namespace {

using namespace nibble;

template <class S>
void quantizing(benchmark::State& state) {
    matrix<float> x(512, 4096);
    std::mt19937 random(1);
    std::normal_distribution<float> draw;
    for (std::size_t i = 0; i < x.rows() * x.columns(); ++i) {
        x.data()[i] = draw(random);
    }
    for (auto _ : state) {
        if constexpr (rounds_at_random<S>) {
            benchmark::DoNotOptimize(quantize<S>(cpu{}, x, random_key{1, 2, 3}));
        } else {
            benchmark::DoNotOptimize(quantize<S>(cpu{}, x));
        }
    }
    state.counters["ns/value"] =
        benchmark::Counter(1e-9 * static_cast<double>(x.rows() * x.columns()),
                           benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}

BENCHMARK(quantizing<q4_0>)->Name("q4_0")->Unit(benchmark::kMillisecond);
BENCHMARK(quantizing<q8_0>)->Name("q8_0")->Unit(benchmark::kMillisecond);
BENCHMARK(quantizing<int4_g32>)->Name("int4_g32")->Unit(benchmark::kMillisecond);
BENCHMARK(quantizing<int3_g64>)->Name("int3_g64")->Unit(benchmark::kMillisecond);
BENCHMARK(quantizing<scheme<bits<4>, per_group<32>, stochastic<>>>)
    ->Name("int4_g32, stochastic")
    ->Unit(benchmark::kMillisecond);

}  // namespace
