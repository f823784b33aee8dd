// SPDX-License-Identifier: Apache-2.0
// The product y[m, n] = x[m, k] · wᵀ on one thread; GOP/s counts a multiply-add as two.
#include <nibble/gemm.hpp>
#include <nibble/scheme.hpp>

#include <benchmark/benchmark.h>

#include <cmath>

namespace {

using namespace nibble;

constexpr std::size_t k = 1152;

/// m = 512: 6912 outputs, weights in cache; m = 1: 131072 outputs, weights from memory.
template <class Activations, class W>
void product(benchmark::State& state) {
    auto const m = static_cast<std::size_t>(state.range(0));
    std::size_t const n = m == 1 ? 131072 : 6912;
    W const w(n, k);
    matrix<float> x(m, k);
    for (std::size_t i = 0; i < m * k; ++i) {
        x.data()[i] = std::sin(static_cast<float>(i));
    }
    matrix<float> y(m, n);
    for (auto _ : state) {
        gemm_into<Activations>(cpu{}, x, w, y);
        benchmark::DoNotOptimize(y.data());
    }
    state.counters["GOP/s"] =
        benchmark::Counter(2e-9 * static_cast<double>(m * n * k), benchmark::Counter::kIsIterationInvariantRate);
}

template <class S>
using packed = cpu_panel_weights<storage_of<S>>;

BENCHMARK(product<int8_activations, packed<q4_0>>)->Name("int8/q4_0")->Arg(512)->Arg(1)->Unit(benchmark::kMillisecond);
BENCHMARK(product<int8_activations, packed<q8_0>>)->Name("int8/q8_0")->Arg(512)->Arg(1)->Unit(benchmark::kMillisecond);
BENCHMARK(product<f32_activations, packed<q4_0>>)->Name("f32/q4_0")->Arg(512)->Arg(1)->Unit(benchmark::kMillisecond);
BENCHMARK(product<bf16_activations, packed<q4_0>>)->Name("bf16/q4_0")->Arg(512)->Arg(1)->Unit(benchmark::kMillisecond);
BENCHMARK(product<f32_activations, dense_panels<bf16>>)
    ->Name("f32/bf16")
    ->Arg(512)
    ->Arg(1)
    ->Unit(benchmark::kMillisecond);
BENCHMARK(product<bf16_activations, dense_panels<bf16>>)
    ->Name("bf16/bf16")
    ->Arg(512)
    ->Arg(1)
    ->Unit(benchmark::kMillisecond);

}  // namespace
