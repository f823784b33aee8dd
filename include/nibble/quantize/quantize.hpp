// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/numeric/random.hpp>
#include <nibble/numeric/vectorized.hpp>
#include <nibble/quantize/encode.hpp>
#include <nibble/quantize/for_each_group.hpp>
#include <nibble/quantize/group.hpp>
#include <nibble/quantize/options.hpp>
#include <nibble/quantize/shared_count.hpp>
#include <nibble/tensor/backend.hpp>
#include <nibble/tensor/matrix.hpp>
#include <nibble/tensor/packed_matrix.hpp>
#include <nibble/tensor/packed_tensor.hpp>

#include <cstddef>
#include <cstdint>

namespace nibble {

namespace detail {

template <quantization_scheme S>
packed_tensor<storage_of<S>> quantize(cpu backend, matrix_view<float const> x, random_key key,
                                      quantize_options const& options) {
    packed_tensor<storage_of<S>> packed(x.rows(), x.columns());
    shared_count underflowed;
    for_each_group<S>(backend, x, key, options, [&](group_run<S> const& run) {
        vectorized([&] {
            run.for_each([&](auto values, auto const& p, std::size_t first, auto... random) {
                encode<S>(values, p, run.codes.data() + first, random...);
            });
        });
        packed.set_codes(run.row, run.column, run.codes);
        for (std::size_t g = 0; run.is_first && g < run.parameters.size(); ++g) {
            auto const& p = run.parameters[g];
            packed.set_scale(run.row, run.group + g, p.scale, p.zero);
            underflowed.add(p.underflowed ? 1 : 0);
        }
    });
    if (options.statistics != nullptr) {
        options.statistics->underflowed_groups = underflowed.value();
    }
    return packed;
}

template <quantization_scheme S>
matrix<float> fake_quantize(cpu backend, matrix_view<float const> x, random_key key, quantize_options const& options) {
    matrix<float> result(x.rows(), x.columns());
    for_each_group<S>(backend, x, key, options, [&](group_run<S> const& run) {
        float* const to = result.row(run.row).data() + run.column;
        vectorized([&] {
            run.for_each([&](auto values, auto const& p, std::size_t first, auto... random) {
                fake_encode<S>(values, p, to + first, random...);
            });
        });
    });
    return result;
}

}  // namespace detail

/// Codes and scales of `x` under scheme S:  q = clamp(round(x / s) + z, qmin, qmax).
///   shape   x [rows, columns]; codes alike; scales and zeros [rows that have their own, groups]
///   error   |decode(q) − x| <= s / 2 · (1 + 2^-10) in range of an integer format, of others half the gap there, for a
///           mode that rounds to nearest and codes_from_stored. Throws nibble::error for a value that is not finite
///           (with its index) unless the options replace it, a scale beyond the range of its type, or a ragged row
///           under reject_tail; nothing is returned then
///   result  the same bits for any number of threads
template <quantization_scheme S>
packed_tensor<storage_of<S>> quantize(cpu backend, matrix_view<float const> x, quantize_options const& options = {}) {
    static_assert(
        !rounds_at_random<S>,
        "nibble: a scheme with stochastic rounding needs random numbers; call quantize<S>(cpu, x, random_key)");
    return detail::quantize<S>(backend, x, random_key{}, options);
}

/// The same under a scheme with stochastic rounding. Element [row, column] is rounded by
/// random_bits(key, (first_row + row) · columns + column), so the codes of a matrix do not depend on how its rows are
/// spread over threads or over calls.
///   error   |decode(q) − x| < s · (1 + 2^-10) in range; the mean over all keys is x to 2^-(noise bits + 1) · s and the
///           rounding of x / s
template <quantization_scheme S>
packed_tensor<storage_of<S>> quantize(cpu backend, matrix_view<float const> x, random_key key,
                                      quantize_options const& options = {}) {
    static_assert(rounds_at_random<S>,
                  "nibble: only a scheme with stochastic rounding takes a random_key; call quantize<S>(cpu, x)");
    return detail::quantize<S>(backend, x, key, options);
}

/// The values of a packed matrix, each by the one decode of its storage.
template <packed_matrix M>
matrix<float> dequantize(cpu backend, M const& packed) {
    matrix<float> x(packed.rows(), packed.columns());
    backend.parallel_for(x.rows(), [&](std::size_t begin, std::size_t end) {
        for (std::size_t row = begin; row < end; ++row) {
            decode_row(packed, row, 0, x.row(row));
        }
    });
    return x;
}

/// What x becomes by being stored under S, without storing it:  decode(encode(x)).
///   result  equal to dequantize(quantize<S>(x)) bit for bit
///   error   throws as quantize does, but for reject_tail, which is about storing
template <quantization_scheme S>
matrix<float> fake_quantize(cpu backend, matrix_view<float const> x, quantize_options const& options = {}) {
    static_assert(
        !rounds_at_random<S>,
        "nibble: a scheme with stochastic rounding needs random numbers; call fake_quantize<S>(cpu, x, random_key)");
    return detail::fake_quantize<S>(backend, x, random_key{}, options);
}

/// The same under a scheme with stochastic rounding: equal to dequantize(quantize<S>(x, key)) bit for bit.
template <quantization_scheme S>
matrix<float> fake_quantize(cpu backend, matrix_view<float const> x, random_key key,
                            quantize_options const& options = {}) {
    static_assert(rounds_at_random<S>,
                  "nibble: only a scheme with stochastic rounding takes a random_key; call fake_quantize<S>(cpu, x)");
    return detail::fake_quantize<S>(backend, x, key, options);
}

}  // namespace nibble
