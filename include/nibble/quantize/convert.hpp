// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/numeric/random.hpp>
#include <nibble/quantize/lattice.hpp>
#include <nibble/quantize/quantize.hpp>
#include <nibble/tensor/backend.hpp>
#include <nibble/tensor/matrix.hpp>
#include <nibble/tensor/packed_matrix.hpp>
#include <nibble/tensor/packed_tensor.hpp>

#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>

namespace nibble {

/// Says that values may change on the way: convert<A, B>(cpu, w, allow_loss{}).
struct allow_loss {};

/// What A has written, under B: the codes and scales that B gives the values of w.
///   result  values are those of w, bit for bit, where preserves<A, B>
///   error   throws as `quantize<B>` does
/// Schemes of one storage need no conversion: their packed tensors are of one type.
template <quantization_scheme A, quantization_scheme B, packed_matrix M>
packed_tensor<storage_of<B>> convert(cpu backend, M const& w, allow_loss) {
    static_assert(std::same_as<typename M::storage, storage_of<A>>,
                  "nibble: convert<A, B> got a matrix that scheme A does not store; A is the scheme that wrote it");
    return quantize<B>(backend, dequantize(backend, w));
}

template <quantization_scheme A, quantization_scheme B, packed_matrix M>
packed_tensor<storage_of<B>> convert(cpu backend, M const& w) {
    static_assert(preserves<A, B>,
                  "nibble: convert<A, B> may change values, since B is not proved to reproduce every group that A "
                  "writes; pass allow_loss{} to accept that, and see added_rms<A, B> for how much it is");
    return convert<A, B>(backend, w, allow_loss{});
}

namespace detail {

/// rms(b − a) as a double; shapes are equal.
inline double rms_of_difference(matrix<float> const& a, matrix<float> const& b) {
    double sum = 0;
    std::size_t const count = a.rows() * a.columns();
    for (std::size_t i = 0; i < count; ++i) {
        double const d = static_cast<double>(b.data()[i]) - static_cast<double>(a.data()[i]);
        sum += d * d;
    }
    return count == 0 ? 0.0 : std::sqrt(sum / static_cast<double>(count));
}

}  // namespace detail

/// What quantizing A's values x_a under B adds to their error, as a ratio:  rms(Q_B(x_a) − x_a) / rms(x_a − x), with
/// x_a = Q_A(x). 0: B reproduces them; 1: the error of B is as large as that of A.
template <quantization_scheme A, quantization_scheme B>
double added_rms(cpu backend, matrix_view<float const> x) {
    auto const once = detail::fake_quantize<A>(backend, x, {1, 0, 0}, {});
    auto const twice = detail::fake_quantize<B>(backend, once, {2, 0, 0}, {});
    double own = 0;
    for (std::size_t i = 0; i < x.rows() * x.columns(); ++i) {
        double const d = static_cast<double>(once.data()[i]) - static_cast<double>(x.data()[i]);
        own += d * d;
    }
    double const added = detail::rms_of_difference(once, twice);
    return added == 0.0 ? 0.0 : added / std::sqrt(own / static_cast<double>(x.rows() * x.columns()));
}

/// The same on 2^20 values of N(0, 1), always the same ones.
template <quantization_scheme A, quantization_scheme B>
double added_rms(cpu backend = {}) {
    constexpr std::size_t rows = 256;
    constexpr std::size_t columns = 4096;
    matrix<float> x(rows, columns);
    for (std::size_t i = 0; i < rows * columns; i += 2) {  // Box and Muller
        double const u = (static_cast<double>(random_bits({3, 0, 0}, i)) + 0.5) * 0x1p-32;
        double const angle = 6.283185307179586 * 0x1p-32 * static_cast<double>(random_bits({3, 0, 0}, i + 1));
        double const radius = std::sqrt(-2.0 * std::log(u));
        x.data()[i] = static_cast<float>(radius * std::cos(angle));
        x.data()[i + 1] = static_cast<float>(radius * std::sin(angle));
    }
    return added_rms<A, B>(backend, x);
}

}  // namespace nibble
