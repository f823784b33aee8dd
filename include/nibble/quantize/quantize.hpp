// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/numeric/float_bits.hpp>
#include <nibble/numeric/float_mode.hpp>
#include <nibble/numeric/random.hpp>
#include <nibble/quantize/encode.hpp>
#include <nibble/quantize/fit.hpp>
#include <nibble/quantize/fit_super_block.hpp>
#include <nibble/quantize/group.hpp>
#include <nibble/tensor/backend.hpp>
#include <nibble/tensor/matrix.hpp>
#include <nibble/tensor/packed_matrix.hpp>
#include <nibble/tensor/packed_tensor.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
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
    /// How much the squared error of each column counts, for a scale rule that asks (an importance matrix); empty: all
    /// alike.
    std::span<float const> importance = {};
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

/// The values that share a scale, and their importance, as one span each.
class group_reader {
public:
    group_reader(matrix_view<float const> x, quantize_options const& options) : x_(x), options_(&options) {}

    group_values read(std::size_t row, std::size_t rows, std::size_t column, std::size_t columns) {
        auto const importance =
            options_->importance.empty() ? options_->importance : options_->importance.subspan(column, columns);
        bool const in_place = rows == 1 || columns == x_.columns();
        if (in_place && !options_->replace_nonfinite && (rows == 1 || importance.empty())) {
            return {{x_.row(row).data() + column, rows * columns}, importance};
        }
        values_.resize(rows * columns);
        importance_.clear();
        for (std::size_t r = 0; r < rows; ++r) {
            auto const from = x_.row(row + r).subspan(column, columns);
            std::copy(from.begin(), from.end(), values_.begin() + static_cast<std::ptrdiff_t>(r * columns));
            importance_.insert(importance_.end(), importance.begin(), importance.end());
        }
        if (options_->replace_nonfinite) {
            finite_part(values_, values_);
        }
        return {values_, importance_};
    }

private:
    matrix_view<float const> x_;
    quantize_options const* options_;
    std::vector<float> values_;
    std::vector<float> importance_;
};

/// The super scale that the whole matrix shares, where it does.
template <class ScaleType>
struct shared_scale {};
template <class Fine, class Super, std::size_t Groups>
struct shared_scale<two_level<Fine, Super, Groups>> {
    std::optional<Super> super;
};

/// Parameters of the groups of a block, whose values read(g) gives; `ends_ragged` where the last has fewer columns than
/// the scheme's groups.
template <quantization_scheme S, class Read>
void fit_block(Read const& read, std::span<group_parameters<S>> to, bool ends_ragged,
               [[maybe_unused]] shared_scale<typename S::scale_type> const& shared) {
    constexpr bool by_value = value_rule<typename S::scale_rule, S>;
    constexpr std::size_t most = S::storage::group == 0 ? 1 : S::storage::block / S::storage::group;
    using wanted = std::conditional_t<by_value, group_fit, group_range>;
    std::array<wanted, most> wants;
    for (std::size_t g = 0; g < to.size(); ++g) {
        if constexpr (by_value) {
            wants[g] = S::scale_rule::template fit<S>(read(g));
        } else {
            wants[g] = range_of(read(g).values);
        }
    }
    std::span<wanted const> const all(wants.data(), to.size());
    if constexpr (is_two_level<typename S::scale_type> && by_value) {
        fit_super_block<S>(all, to, shared.super);
    } else if constexpr (is_two_level<typename S::scale_type>) {
        fit_super_block<S>(all, to, ends_ragged, shared.super);
    } else if constexpr (by_value) {
        to[0] = store_fit<S>(wants[0]);
    } else {
        to[0] = fit_group<S>(wants[0], ends_ragged);
    }
}

/// The super scale of a matrix whose groups all share it.
template <quantization_scheme S>
    requires(has_matrix_scale<typename S::scale_type>)
shared_scale<typename S::scale_type> fit_shared_scale(cpu backend, matrix_view<float const> x,
                                                      quantize_options const& options) {
    constexpr std::size_t group = S::storage::group;
    std::vector<float> most(x.rows());
    backend.parallel_for(x.rows(), [&](std::size_t begin, std::size_t end) {
        group_reader reader(x, options);
        for (std::size_t row = begin; row < end; ++row) {
            for (std::size_t first = 0; first < x.columns(); first += group) {
                std::size_t const width = (std::min)(group, x.columns() - first);
                auto const values = reader.read(row, 1, first, width);
                float wanted;
                if constexpr (value_rule<typename S::scale_rule, S>) {
                    wanted = S::scale_rule::template fit<S>(values).scale;
                } else {
                    wanted = wanted_scale<S>(range_of(values.values), width < group);
                }
                most[row] = std::fabs(wanted) > std::fabs(most[row]) ? wanted : most[row];
            }
        }
    });
    return {super_of<S>(most.empty() ? 0.0f : extreme_of(most))};
}

/// Calls visit(row, group, first column, codes, parameters, whether no other row has stored them) for every group of x.
/// Element [row, column] draws the number (first_row + row) · columns + column of `key`, where S draws.
template <quantization_scheme S, class Visit>
void for_each_group(cpu backend, matrix_view<float const> x, [[maybe_unused]] random_key key,
                    quantize_options const& options, Visit const& visit) {
    using St = storage_of<S>;
    constexpr bool is_per_tensor = St::rows == 0;
    constexpr std::size_t band_rows = is_per_tensor ? 1 : St::rows;
    subnormals_count const mode;
    if (!options.replace_nonfinite) {
        require_finite(x);
    }
    static_assert(!value_rule<typename S::scale_rule, S> || !std::same_as<typename S::tail, zero_padded>,
                  "nibble: a rule that looks at every value does not see the zeros of zero_padded; use short_group");
    if (std::any_of(options.importance.begin(), options.importance.end(),
                    [](float w) { return !(w >= 0.0f && std::isfinite(w)); })) {
        throw error("quantize got an importance that is negative or not finite; give numbers from 0 on");
    }
    if (!options.importance.empty() && options.importance.size() != x.columns()) {
        throw error("quantize got the importance of " + std::to_string(options.importance.size()) +
                    " columns for a matrix of " + std::to_string(x.columns()) + "; give one number a column");
    }
    std::atomic<std::size_t> replaced{0};
    shared_scale<typename S::scale_type> shared;
    if constexpr (has_matrix_scale<typename S::scale_type>) {
        shared = fit_shared_scale<S>(backend, x, options);
    }
    group_parameters<S> whole;
    if (is_per_tensor && x.rows() != 0 && x.columns() != 0) {
        group_reader reader(x, options);
        fit_block<S>([&](std::size_t) { return reader.read(0, x.rows(), 0, x.columns()); }, std::span(&whole, 1), false,
                     shared);
    }
    std::size_t const width = St::group == 0 ? x.columns() : (std::min)(St::group, x.columns());
    std::size_t const block = St::block == 0 ? x.columns() : St::block;
    std::size_t const bands = (x.rows() + band_rows - 1) / band_rows;
    backend.parallel_for(bands, [&](std::size_t begin, std::size_t end) {
        group_reader reader(x, options);
        std::vector<group_parameters<S>> parameters;
        std::vector<std::uint8_t> codes(width);
        std::vector<std::uint32_t> random(rounds_at_random<S> ? width : 0);
        std::vector<float> replacement(options.replace_nonfinite ? width : 0);
        std::size_t replaced_here = 0;
        auto const encode_group = [&](std::size_t row, std::size_t first, std::size_t count,
                                      group_parameters<S> const& p) {
            std::span<float const> values = x.row(row).subspan(first, count);
            if (options.replace_nonfinite) {
                for (std::size_t i = 0; i < count; ++i) {
                    replaced_here += std::isfinite(values[i]) ? 0u : 1u;
                    replacement[i] = std::isnan(values[i]) ? 0.0f : values[i];
                }
                values = std::span(replacement).first(count);
            }
            if constexpr (rounds_at_random<S>) {
                draw(key, std::uint64_t{options.first_row + row} * x.columns() + first, std::span(random).first(count));
                encode<S>(values, p, codes.data(), random.data());
            } else {
                encode<S>(values, p, codes.data());
            }
        };
        for (std::size_t band = begin; band < end; ++band) {
            std::size_t const first_row = band * band_rows;
            std::size_t const rows = (std::min)(band_rows, x.rows() - first_row);
            for (std::size_t first = 0; first < x.columns(); first += block) {
                std::size_t const columns = (std::min)(block, x.columns() - first);
                std::size_t const groups = (columns + width - 1) / width;
                parameters.assign(groups, whole);
                if constexpr (!is_per_tensor) {
                    auto const read = [&](std::size_t g) {
                        return reader.read(first_row, rows, first + g * width, (std::min)(width, columns - g * width));
                    };
                    bool const ends_ragged = columns % (std::max)(St::group, std::size_t{1}) != 0;
                    fit_block<S>(read, std::span(parameters), ends_ragged, shared);
                }
                for (std::size_t row = first_row; row < first_row + rows; ++row) {
                    for (std::size_t g = 0; g < groups; ++g) {
                        std::size_t const column = first + g * width;
                        std::size_t const count = (std::min)(width, columns - g * width);
                        encode_group(row, column, count, parameters[g]);
                        visit(row, column / width, column, std::span<std::uint8_t const>(codes).first(count),
                              parameters[g], is_per_tensor ? row == 0 : row == first_row);
                    }
                }
            }
        }
        replaced += replaced_here;
    });
    if (options.statistics != nullptr) {
        *options.statistics = {.replaced_values = replaced};
    }
}

template <quantization_scheme S>
packed_tensor<storage_of<S>> quantize(cpu backend, matrix_view<float const> x, random_key key,
                                      quantize_options const& options) {
    packed_tensor<storage_of<S>> packed(x.rows(), x.columns());
    std::atomic<std::size_t> underflowed{0};
    for_each_group<S>(backend, x, key, options,
                      [&](std::size_t row, std::size_t g, std::size_t first, std::span<std::uint8_t const> codes,
                          group_parameters<S> const& p, bool is_first) {
                          packed.set_codes(row, first, codes);
                          if (is_first) {
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
                          group_parameters<S> const& p, bool) {
                          float* const to = result.row(row).data() + first;
                          for (std::size_t i = 0; i < codes.size(); ++i) {
                              to[i] = storage_of<S>::decode(codes[i], p.scale, p.zero);
                          }
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
