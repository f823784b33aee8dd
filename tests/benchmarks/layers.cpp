// SPDX-License-Identifier: Apache-2.0
// The layers of a Gemma 3 1B over 512 tokens on one thread.
#include <nibble/nn.hpp>

#include <benchmark/benchmark.h>

#include <cmath>
#include <vector>

namespace {

using namespace nibble;

constexpr std::size_t tokens = 512;

matrix<float> waves(std::size_t rows, std::size_t columns) {
    matrix<float> x(rows, columns);
    for (std::size_t i = 0; i < rows * columns; ++i) {
        x.data()[i] = std::sin(static_cast<float>(i));
    }
    return x;
}

void count_values(benchmark::State& state, std::size_t values) {
    state.counters["ns/value"] =
        benchmark::Counter(1e-9 * static_cast<double>(values),
                           benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}

void attend(benchmark::State& state) {
    constexpr std::size_t heads = 4;
    constexpr std::size_t dim = 256;
    auto const q = waves(tokens, heads * dim);
    auto const keys = waves(tokens, dim);
    auto const values = waves(tokens, dim);
    matrix<float> out(tokens, heads * dim);
    for (auto _ : state) {
        attention(cpu{}, q, kv_view<float>{keys.data(), values.data(), 1, tokens, dim}, 0, 0, 0.0625f, out);
        benchmark::DoNotOptimize(out.data());
    }
    // q · k and p · v over the positions that a token sees.
    state.counters["GFLOP/s"] = benchmark::Counter(1e-9 * 4 * heads * dim * (tokens * (tokens + 1) / 2.0),
                                                   benchmark::Counter::kIsIterationInvariantRate);
}

void gate(benchmark::State& state) {
    auto const g = waves(tokens, 6912);
    auto const up = waves(tokens, 6912);
    matrix<float> out(tokens, 6912);
    for (auto _ : state) {
        geglu(cpu{}, g, up, out);
        benchmark::DoNotOptimize(out.data());
    }
    count_values(state, tokens * 6912);
}

void norm(benchmark::State& state) {
    auto const x = waves(tokens, 1152);
    std::vector<float> const factor(1152, 1.5f);
    matrix<float> out(tokens, 1152);
    for (auto _ : state) {
        rms_norm(cpu{}, x, factor, 1e-6f, out);
        benchmark::DoNotOptimize(out.data());
    }
    count_values(state, tokens * 1152);
}

void turn(benchmark::State& state) {
    auto x = waves(tokens, 1024);
    rotation const angles(0, tokens, 256, 1e4);
    for (auto _ : state) {
        rotate(cpu{}, x, angles);
        benchmark::DoNotOptimize(x.data());
    }
    count_values(state, tokens * 1024);
}

void loss(benchmark::State& state) {
    auto const logits = waves(1, 262144);
    for (auto _ : state) {
        benchmark::DoNotOptimize(cross_entropy(logits.row(0), 7));
    }
    count_values(state, 262144);
}

BENCHMARK(attend)->Name("attention, 4 heads of 256")->Unit(benchmark::kMillisecond);
BENCHMARK(gate)->Name("geglu")->Unit(benchmark::kMillisecond);
BENCHMARK(norm)->Name("rms_norm")->Unit(benchmark::kMillisecond);
BENCHMARK(turn)->Name("rotate")->Unit(benchmark::kMillisecond);
BENCHMARK(loss)->Name("cross_entropy")->Unit(benchmark::kMillisecond);

}  // namespace
