// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/numeric/error.hpp>
#include <nibble/numeric/float_mode.hpp>
#include <nibble/numeric/random.hpp>
#include <nibble/quantize/finite.hpp>
#include <nibble/quantize/fit_block.hpp>
#include <nibble/quantize/fit_side_by_side.hpp>
#include <nibble/quantize/group.hpp>
#include <nibble/quantize/options.hpp>
#include <nibble/quantize/shared_count.hpp>
#include <nibble/tensor/backend.hpp>
#include <nibble/tensor/matrix.hpp>

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace nibble::detail {

/// to[i] = random_bits(key, first + i)
inline void draw(random_key key, std::uint64_t first, std::span<std::uint32_t> to) {
    for (std::size_t i = 0; i < to.size();) {
        auto const block = random_block(key, (first + i) / 4);
        for (std::size_t word = (first + i) % 4; word < 4 && i < to.size(); ++word, ++i) {
            to[i] = block.words[word];
        }
    }
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

/// Neighbouring groups of a row, with what their codes are chosen with.
template <quantization_scheme S>
struct group_run {
    std::size_t row;
    std::size_t group;                                ///< the first of them
    std::size_t column;                               ///< where it begins
    std::size_t width;                                ///< columns of a group; the last may have fewer
    std::span<float const> values;                    ///< of all of them
    std::span<group_parameters<S> const> parameters;  ///< one a group
    std::uint32_t const* random;                      ///< bits for each value, where S draws
    std::span<std::uint8_t> codes;                    ///< room for one of each value
    bool is_first;                                    ///< whether no other row has stored these parameters

    /// f(values, parameters, where they begin in the run, random bits of each where S draws), group by group.
    template <class F>
    void for_each(F const& f) const {
        for (std::size_t g = 0; g < parameters.size(); ++g) {
            std::size_t const first = g * width;
            auto const part = values.subspan(first, (std::min)(width, values.size() - first));
            if constexpr (rounds_at_random<S>) {
                f(part, parameters[g], first, random + first);
            } else {
                f(part, parameters[g], first);
            }
        }
    }
};

/// Calls visit(run) for all groups of x, in runs.
/// Element [row, column] draws the number (first_row + row) · columns + column of `key`, where S draws.
template <quantization_scheme S, class Visit>
void for_each_group(cpu backend, matrix_view<float const> x, [[maybe_unused]] random_key key,
                    quantize_options const& options, Visit const& visit) {
    using St = storage_of<S>;
    constexpr bool is_per_tensor = St::rows == 0;
    constexpr std::size_t band_rows = is_per_tensor ? 1 : St::rows;
    subnormals_count const mode;
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
    // Groups that are fitted side by side show by themselves what is not finite.
    bool const side_by_side = fits_side_by_side<S> && !options.replace_nonfinite;
    if (!side_by_side && !options.replace_nonfinite) {
        require_finite(x, "quantize");
    }
    shared_count replaced;
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
    std::size_t const run = fits_side_by_side<S> && St::block != 0 ? lanes * block : block;
    std::size_t const bands = (x.rows() + band_rows - 1) / band_rows;
    backend.parallel_for(bands, [&](std::size_t begin, std::size_t end) {
        group_reader reader(x, options);
        std::vector<group_parameters<S>> room((std::min)(run, x.columns() + width - 1) /
                                              (std::max)(width, std::size_t{1}));
        std::vector<std::uint8_t> codes((std::min)(run, x.columns()));
        std::vector<std::uint32_t> random(rounds_at_random<S> ? (std::min)(run, x.columns()) : 0);
        std::vector<float> replacement(options.replace_nonfinite ? (std::min)(run, x.columns()) : 0);
        std::size_t replaced_here = 0;
        [[maybe_unused]] bool is_finite = options.replace_nonfinite;
        for (std::size_t band = begin; band < end; ++band) {
            std::size_t const first_row = band * band_rows;
            std::size_t const rows = (std::min)(band_rows, x.rows() - first_row);
            for (std::size_t first = 0; first < x.columns(); first += run) {
                std::size_t const columns = (std::min)(run, x.columns() - first);
                std::size_t const groups = (columns + width - 1) / width;
                auto const parameters = std::span(room).first(groups);
                if constexpr (!fits_side_by_side<S>) {
                    std::fill(parameters.begin(), parameters.end(), whole);
                }
                // The groups [from, to) of the run, which are those of one block.
                auto const fit = [&](std::size_t from, std::size_t to) {
                    auto const read = [&](std::size_t g) {
                        std::size_t const at = (from + g) * width;
                        return reader.read(first_row, rows, first + at, (std::min)(width, columns - at));
                    };
                    bool const ends_ragged =
                        (std::min)(columns, to * width) % (std::max)(St::group, std::size_t{1}) != 0;
                    fit_block<S>(read, parameters.subspan(from, to - from), ends_ragged, shared);
                };
                if constexpr (fits_side_by_side<S>) {
                    fit_run<S>(side_by_side ? x.row(first_row).subspan(first, columns) : std::span<float const>(),
                               parameters, [&](std::size_t g) {
                                   if (!is_finite) {  // before whatever else may be wrong
                                       require_finite(x, "quantize");
                                       is_finite = true;
                                   }
                                   fit(g, g + 1);
                               });
                } else if constexpr (!is_per_tensor) {
                    fit(0, groups);
                }
                for (std::size_t row = first_row; row < first_row + rows; ++row) {
                    auto values = x.row(row).subspan(first, columns);
                    if (options.replace_nonfinite) {
                        for (std::size_t i = 0; i < columns; ++i) {
                            replaced_here += std::isfinite(values[i]) ? 0u : 1u;
                            replacement[i] = std::isnan(values[i]) ? 0.0f : values[i];
                        }
                        values = std::span<float const>(replacement).first(columns);
                    }
                    if constexpr (rounds_at_random<S>) {
                        draw(key, std::uint64_t{options.first_row + row} * x.columns() + first,
                             std::span(random).first(columns));
                    }
                    visit(group_run<S>{.row = row,
                                       .group = first / width,
                                       .column = first,
                                       .width = width,
                                       .values = values,
                                       .parameters = parameters,
                                       .random = random.data(),
                                       .codes = std::span(codes).first(columns),
                                       .is_first = is_per_tensor ? row == 0 : row == first_row});
                }
            }
        }
        replaced.add(replaced_here);
    });
    if (options.statistics != nullptr) {
        *options.statistics = {.replaced_values = replaced.value()};
    }
}

}  // namespace nibble::detail
