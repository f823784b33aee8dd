// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/quantize/group.hpp>
#include <nibble/tensor/backend.hpp>
#include <nibble/tensor/matrix.hpp>
#include <nibble/tensor/packed_matrix.hpp>
#include <nibble/tensor/packed_tensor.hpp>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace nibble {

/// What quantize counted on the way.
struct quantize_statistics {
    std::size_t underflowed_groups = 0;  ///< groups whose scale became 0 in its storage type: they decode to zero
};

namespace detail {

inline void require_finite(matrix_view<float const> x) {
    for (std::size_t row = 0; row < x.rows(); ++row) {
        for (std::size_t column = 0; column < x.columns(); ++column) {
            if (!std::isfinite(x(row, column))) {
                throw error("quantize needs finite values, but element [" + std::to_string(row) + ", " +
                            std::to_string(column) + "] is " + std::to_string(x(row, column)) +
                            "; mend the tensor, or the step that made it.");
            }
        }
    }
}

/// The range that the groups of a per-tensor scheme share.
inline group_range range_of(matrix_view<float const> x) {
    return range_of(std::span<float const>(x.data(), x.rows() * x.columns()));
}

/// Calls visit(row, group, first column, values, parameters) for every group of rows [begin, end).
template <quantization_scheme S, class Visit>
void for_each_group(matrix_view<float const> x, std::size_t begin, std::size_t end, group_parameters<S> const& shared,
                    Visit&& visit) {
    constexpr std::size_t group = S::storage::group;
    std::size_t const width = group == 0 ? x.columns() : group;
    for (std::size_t row = begin; row < end; ++row) {
        for (std::size_t first = 0, g = 0; first < x.columns(); first += width, ++g) {
            auto const values = x.row(row).subspan(first, std::min(width, x.columns() - first));
            if constexpr (std::same_as<typename S::granularity, per_tensor>) {
                visit(row, g, first, values, shared);
            } else {
                visit(row, g, first, values, fit_group<S>(range_of(values)));
            }
        }
    }
}

template <quantization_scheme S>
group_parameters<S> shared_parameters(matrix_view<float const> x) {
    if constexpr (std::same_as<typename S::granularity, per_tensor>) {
        return fit_group<S>(range_of(x));
    } else {
        return {};
    }
}

}  // namespace detail

/// Codes and scales of `x` under scheme S:  q = clamp(round(x / s) + z, qmin, qmax).
///   shape   x [rows, columns]; codes alike; scales and zeros [rows, groups]
///   error   |decode(q) − x| <= s / 2 · (1 + 2^-10) in range, for a mode that rounds to nearest and codes_from_stored.
///           Throws nibble::error for a value that is not finite (with its index), a scale beyond the range of its
///           type, or a ragged row under reject_tail; nothing is returned then
///   result  the same bits for any number of threads
template <quantization_scheme S>
packed_tensor<storage_of<S>> quantize(cpu backend, matrix_view<float const> x,
                                      quantize_statistics* statistics = nullptr) {
    packed_tensor<storage_of<S>> packed(x.rows(), x.columns());
    detail::require_finite(x);
    auto const shared = detail::shared_parameters<S>(x);
    std::atomic<std::size_t> underflowed{0};
    backend.parallel_for(x.rows(), [&](std::size_t begin, std::size_t end) {
        std::vector<std::uint8_t> codes;
        detail::for_each_group<S>(x, begin, end, shared,
                                  [&](std::size_t row, std::size_t g, std::size_t first, std::span<float const> values,
                                      group_parameters<S> const& p) {
                                      if constexpr (!std::same_as<typename S::granularity, per_tensor>) {
                                          packed.set_scale(row, g, p.scale, p.zero);
                                          underflowed += p.underflowed ? 1u : 0u;
                                      }
                                      codes.resize(values.size());
                                      for (std::size_t i = 0; i < values.size(); ++i) {
                                          codes[i] = static_cast<std::uint8_t>(encode<S>(values[i], p));
                                      }
                                      packed.set_codes(row, first, codes);
                                  });
    });
    if constexpr (std::same_as<typename S::granularity, per_tensor>) {
        if (x.rows() * x.columns() != 0) {
            packed.set_scale(0, 0, shared.scale, shared.zero);
            underflowed = shared.underflowed ? 1u : 0u;
        }
    }
    if (statistics != nullptr) {
        statistics->underflowed_groups = underflowed;
    }
    return packed;
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
matrix<float> fake_quantize(cpu backend, matrix_view<float const> x) {
    detail::require_finite(x);
    matrix<float> result(x.rows(), x.columns());
    auto const shared = detail::shared_parameters<S>(x);
    backend.parallel_for(x.rows(), [&](std::size_t begin, std::size_t end) {
        detail::for_each_group<S>(x, begin, end, shared,
                                  [&](std::size_t row, std::size_t, std::size_t first, std::span<float const> values,
                                      group_parameters<S> const& p) {
                                      for (std::size_t i = 0; i < values.size(); ++i) {
                                          result(row, first + i) =
                                              storage_of<S>::decode(encode<S>(values[i], p), p.scale, p.zero);
                                      }
                                  });
    });
    return result;
}

}  // namespace nibble
