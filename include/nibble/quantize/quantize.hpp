// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/numeric/float_bits.hpp>
#include <nibble/numeric/float_mode.hpp>
#include <nibble/numeric/random.hpp>
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
    std::size_t replaced_values = 0;     ///< values that were not finite and that the options allow
};

struct quantize_options {
    /// Values that are not finite: an error, or, if true, NaN becomes the code of zero and an infinity the outermost
    /// code of its side, the scale being that of the finite values. Where these are all zero, so is the group.
    bool replace_nonfinite = false;
    /// The row of the matrix where x begins, which random numbers are counted from.
    std::size_t first_row = 0;
    quantize_statistics* statistics = nullptr;
};

/// Whether the codes of a scheme depend on a random_key beside the values.
template <quantization_scheme S>
inline constexpr bool rounds_at_random = random_rounding_mode<typename S::rounding>;

namespace detail {

inline void require_finite(matrix_view<float const> x) {
    std::size_t const count = x.rows() * x.columns();
    std::int32_t largest[lanes] = {};  // bits of |x|: those of what is not finite are the largest
    auto const widen = [&](std::size_t lane, float v) {
        auto const size = static_cast<std::int32_t>(bits_of(v) & 0x7fffffffu);
        largest[lane] = size > largest[lane] ? size : largest[lane];
    };
    std::size_t i = 0;
    for (; i + lanes <= count; i += lanes) {
        for_each_lane([&](std::size_t lane) { widen(lane, x.data()[i + lane]); });
    }
    for (; i < count; ++i) {
        widen(0, x.data()[i]);
    }
    if (*std::max_element(largest, largest + lanes) >= 0x7f800000) {
        auto const* const bad = std::find_if(x.data(), x.data() + count, [](float v) { return !std::isfinite(v); });
        auto const at = static_cast<std::size_t>(bad - x.data());
        throw error("quantize needs finite values, but element [" + std::to_string(at / x.columns()) + ", " +
                    std::to_string(at % x.columns()) + "] is " + std::to_string(*bad) +
                    "; mend the tensor, or the step that made it.");
    }
}

/// to[i] = random_bits(key, first + i)
inline void draw(random_key key, std::uint64_t first, std::span<std::uint32_t> to) {
    for (std::size_t i = 0; i < to.size();) {
        auto const block = random_block(key, (first + i) / 4);
        for (std::size_t word = (first + i) % 4; word < 4 && i < to.size(); ++word, ++i) {
            to[i] = block.words[word];
        }
    }
}

/// Values with a stand-in for each that is not finite, so that the range of the rest stays what it is.
inline void finite_part(std::span<float const> x, std::span<float> to) {
    auto const* const first = std::find_if(x.data(), x.data() + x.size(), [](float v) { return std::isfinite(v); });
    float const stand_in = first == x.data() + x.size() ? 0.0f : *first;
    std::transform(x.begin(), x.end(), to.begin(), [&](float v) { return std::isfinite(v) ? v : stand_in; });
}

/// Calls visit(row, group, first column, codes, parameters) for every group of x. Element [row, column] draws the
/// number (first_row + row) · columns + column of `key`, where S draws.
template <quantization_scheme S, class Visit>
void for_each_group(cpu backend, matrix_view<float const> x, [[maybe_unused]] random_key key,
                    quantize_options const& options, Visit const& visit) {
    constexpr bool is_per_tensor = std::same_as<typename S::granularity, per_tensor>;
    subnormals_count const mode;
    if (!options.replace_nonfinite) {
        require_finite(x);
    }
    std::atomic<std::size_t> replaced{0};
    group_parameters<S> shared;
    if constexpr (is_per_tensor) {
        std::span<float const> all(x.data(), x.rows() * x.columns());
        std::vector<float> finite;
        if (options.replace_nonfinite) {
            finite.resize(all.size());
            finite_part(all, finite);
            all = finite;
        }
        shared = fit_group<S>(range_of(all));
    }
    std::size_t const width = S::storage::group == 0 ? x.columns() : (std::min)(S::storage::group, x.columns());
    backend.parallel_for(x.rows(), [&](std::size_t begin, std::size_t end) {
        std::vector<std::uint8_t> codes(width);
        std::vector<std::uint32_t> random(rounds_at_random<S> ? width : 0);
        std::vector<float> finite(options.replace_nonfinite ? width : 0);
        for (std::size_t row = begin; row < end; ++row) {
            for (std::size_t first = 0, g = 0; first < x.columns(); first += width, ++g) {
                std::span<float const> values = x.row(row).subspan(first, (std::min)(width, x.columns() - first));
                std::span<float const> fitted = values;
                if (options.replace_nonfinite) {
                    auto const part = std::span(finite).first(values.size());
                    finite_part(values, part);
                    fitted = part;
                }
                auto const p = is_per_tensor ? shared : fit_group<S>(range_of(fitted));
                if (options.replace_nonfinite) {
                    for (std::size_t i = 0; i < values.size(); ++i) {
                        replaced += std::isfinite(values[i]) ? 0u : 1u;
                        finite[i] = std::isnan(values[i]) ? 0.0f : values[i];
                    }
                    values = fitted;
                }
                if constexpr (rounds_at_random<S>) {
                    draw(key, std::uint64_t{options.first_row + row} * x.columns() + first,
                         std::span(random).first(values.size()));
                    encode<S>(values, p, codes.data(), random.data());
                } else {
                    encode<S>(values, p, codes.data());
                }
                visit(row, g, first, std::span<std::uint8_t const>(codes).first(values.size()), p);
            }
        }
    });
    if (options.statistics != nullptr) {
        options.statistics->replaced_values = replaced;
    }
}

template <quantization_scheme S>
packed_tensor<storage_of<S>> quantize(cpu backend, matrix_view<float const> x, random_key key,
                                      quantize_options const& options) {
    packed_tensor<storage_of<S>> packed(x.rows(), x.columns());
    std::atomic<std::size_t> underflowed{0};
    for_each_group<S>(backend, x, key, options,
                      [&](std::size_t row, std::size_t g, std::size_t first, std::span<std::uint8_t const> codes,
                          group_parameters<S> const& p) {
                          packed.set_codes(row, first, codes);
                          if (!std::same_as<typename S::granularity, per_tensor> || row == 0) {
                              packed.set_scale(row, g, p.scale, p.zero);
                              if (p.underflowed) {
                                  ++underflowed;
                              }
                          }
                      });
    if (options.statistics != nullptr) {
        options.statistics->underflowed_groups = underflowed;
    }
    return packed;
}

template <quantization_scheme S>
matrix<float> fake_quantize(cpu backend, matrix_view<float const> x, random_key key, quantize_options const& options) {
    matrix<float> result(x.rows(), x.columns());
    for_each_group<S>(backend, x, key, options,
                      [&](std::size_t row, std::size_t, std::size_t first, std::span<std::uint8_t const> codes,
                          group_parameters<S> const& p) {
                          float* const to = result.row(row).data() + first;
                          for (std::size_t i = 0; i < codes.size(); ++i) {
                              to[i] = storage_of<S>::decode(codes[i], p.scale, p.zero);
                          }
                      });
    return result;
}

}  // namespace detail

/// Codes and scales of `x` under scheme S:  q = clamp(round(x / s) + z, qmin, qmax).
///   shape   x [rows, columns]; codes alike; scales and zeros [rows, groups]
///   error   |decode(q) − x| <= s / 2 · (1 + 2^-10) in range, for a mode that rounds to nearest and codes_from_stored.
///           Throws nibble::error for a value that is not finite (with its index) unless the options replace it, a
///           scale beyond the range of its type, or a ragged row under reject_tail; nothing is returned then
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
