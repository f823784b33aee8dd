// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/numeric/error.hpp>
#include <nibble/numeric/float_mode.hpp>
#include <nibble/quantize/encode.hpp>
#include <nibble/quantize/feedback.hpp>
#include <nibble/quantize/group.hpp>
#include <nibble/quantize/quantize.hpp>
#include <nibble/quantize/second_moments.hpp>
#include <nibble/quantize/shared_count.hpp>
#include <nibble/quantize/tile_product.hpp>
#include <nibble/tensor/backend.hpp>
#include <nibble/tensor/matrix.hpp>
#include <nibble/tensor/packed_tensor.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <vector>

namespace nibble {

namespace detail {

/// The float nearest to a value that errors of other columns have moved; the outermost one beyond the range.
inline float nearest_finite(double v) {
    constexpr double most = (std::numeric_limits<float>::max)();
    return static_cast<float>((std::min)((std::max)(v, -most), most));
}

/// Whether a group of a row shares no scale with another, so that it can be fitted when its first column comes.
template <quantization_scheme S>
inline constexpr bool has_groups_alone =
    S::storage::group != 0 && S::storage::rows == 1 && !is_two_level<typename S::scale_type>;

/// The codes of some rows of w, in the order of a feedback.
template <quantization_scheme S>
class gptq_rows {
    using St = storage_of<S>;
    static constexpr std::size_t group = St::group;
    /// Columns whose errors go to those behind them in one product: whole groups, so that the sums of a group are
    /// complete when it is fitted.
    static constexpr std::size_t block = group == 0 ? 128 : group < 128 ? 128 / group * group : group;

public:
    /// Rows that share a pass over the feedback.
    static constexpr std::size_t most = 4 * tile;

    /// given: parameters of all groups [rows, groups]; without a row where groups are fitted on the way.
    gptq_rows(feedback const& f, matrix_view<group_parameters<S> const> given)
        : f_(f), columns_(f.columns()), given_(given), sums_(most, columns_), errors_(most / tile, block * tile),
          factors_(block, tile), codes_(most, columns_), parameters_(most * groups()) {}

    /// Stores the rows from first_row on, `most` of them or those that are left.
    void operator()(matrix_view<float const> w, std::size_t first_row, packed_tensor<St>& packed,
                    shared_count& underflowed) {
        std::size_t const rows = (std::min)(most, w.rows() - first_row);
        std::fill_n(sums_.data(), most * columns_, 0.0);
        std::fill_n(errors_.data(), errors_.rows() * errors_.columns(), 0.0);
        if (!fits()) {
            std::copy_n(given_.row(first_row).data(), rows * groups(), parameters_.data());
        }
        for (std::size_t begin = 0; begin < columns_; begin += block) {
            std::size_t const end = (std::min)(begin + block, columns_);
            for (std::size_t r = 0; r < rows; ++r) {
                choose(w.row(first_row + r), r, begin, end);
            }
            spread(begin, end);
        }
        for (std::size_t r = 0; r < rows; ++r) {
            packed.set_codes(first_row + r, 0, codes_.row(r));
            bool const is_first = St::rows == 0 ? first_row + r == 0 : (first_row + r) % St::rows == 0;
            for (std::size_t g = 0; g < groups() && is_first; ++g) {
                auto const& p = parameters_[r * groups() + g];
                packed.set_scale(first_row + r, g, p.scale, p.zero);
                underflowed.add(p.underflowed ? 1 : 0);
            }
        }
    }

private:
    bool fits() const { return given_.rows() == 0; }
    std::size_t groups() const { return group == 0 ? 1 : (columns_ + group - 1) / group; }
    group_parameters<S>& parameters(std::size_t r, std::size_t column) {
        return parameters_[r * groups() + packed_tensor<St>::group_of(column)];
    }

    /// The scale of the group that begins at column `first`, from the values that cost least with its own columns free.
    void fit(std::span<float const> w, std::size_t r, std::size_t first) {
        std::size_t const count = (std::min)(group, columns_ - first);
        double const* const sums = sums_.row(r).data() + first;
        moved_.assign(sums, sums + count);
        values_.resize(count);
        for (std::size_t i = 0; i < count; ++i) {
            double const* const factors = f_.u().row(first + i).data() + first + i + 1;
            add_multiple(-moved_[i], factors, count - i - 1, moved_.data() + i + 1);
            values_[i] = nearest_finite(static_cast<double>(w[first + i]) - moved_[i]);
        }
        fit_block<S>([&](std::size_t) { return group_values{values_, {}}; }, std::span(&parameters(r, first), 1),
                     count < group, {});
    }

    /// Codes of row r at the positions [begin, end), whose errors go to the sums of that block.
    void choose(std::span<float const> w, std::size_t r, std::size_t begin, std::size_t end) {
        double* const sums = sums_.row(r).data();
        double* const errors = errors_.row(r / tile).data() + r % tile;
        for (std::size_t j = begin; j < end; ++j) {
            std::size_t const column = f_.order()[j];
            if constexpr (has_groups_alone<S>) {
                if (fits() && j % group == 0) {
                    fit(w, r, j);
                }
            }
            auto const& p = parameters(r, column);
            auto const wanted = static_cast<double>(w[column]);
            unsigned const code = encode<S>(nearest_finite(wanted - sums[j]), p);
            double const error = static_cast<double>(St::decode(code, p.scale, p.zero)) - wanted;
            codes_(r, column) = static_cast<std::uint8_t>(code);
            errors[(j - begin) * tile] = error;
            add_multiple(error, f_.u().row(j).data() + j + 1, end - j - 1, sums + j + 1);
        }
    }

    /// The errors of a block go to the sums of all columns behind it.
    void spread(std::size_t begin, std::size_t end) {
        for (std::size_t j = end; j < columns_; j += tile) {
            pack_columns<double>(f_.u(), begin, end, j, factors_.data());
            for (std::size_t t = 0; t < errors_.rows(); ++t) {
                update_tile(sums_, t * tile, j, [&](double* c) {
                    add_tile_product(errors_.row(t).data(), factors_.data(), end - begin, c);
                });
            }
        }
    }

    feedback const& f_;
    std::size_t columns_;
    matrix_view<group_parameters<S> const> given_;
    matrix<double> sums_;    ///< [row, position]: Σ d U of the columns done
    matrix<double> errors_;  ///< d of the block: [tile of rows][position][row]
    matrix<double> factors_;
    matrix<std::uint8_t> codes_;
    std::vector<group_parameters<S>> parameters_;
    std::vector<double> moved_;
    std::vector<float> values_;
};

/// The parameters that `quantize<S>` gives the groups of w: [rows, groups].
template <quantization_scheme S>
matrix<group_parameters<S>> parameters_of(cpu where, matrix_view<float const> w) {
    matrix<group_parameters<S>> given(w.rows(), packed_layout<storage_of<S>>{w.rows(), w.columns()}.groups());
    for_each_group<S>(where, w, {}, {}, [&](group_run<S> const& run) {
        std::copy(run.parameters.begin(), run.parameters.end(), &given(run.row, run.group));
    });
    return given;
}

}  // namespace detail

/// Codes and scales of the weights w under scheme S that keep the outputs of the layer, not the weights: column by
/// column each row gets the code nearest to what, with the errors of the columns before it made up for by those behind
/// it, costs least in Σ_t (x_t · (q − w))², x_t being the inputs whose moments the feedback is of.
///   shape   w [n, k]; feedback of k columns
///   scales  by the scheme's own rule: of a group that shares its scale with no other, from its values as they are when
///           its first column comes, if columns come from left to right; else from w, as `quantize<S>` has them
///   result  the same bits for any number of threads; a row's do not depend on other rows, unless they
///           share a scale; a compiler that fuses multiply and add in f64 may move a code. Where
///           inputs are uncorrelated, that of `quantize<S>`
///   error   where no code clips, tr(D) / tr(H) of what the nearest codes cost, on average: D is diagonal, U unit upper
///           triangular in H = U D Uᵀ
///   cost    n · k² / 2 multiply-adds
///   source  Frantar et al., "GPTQ", arXiv:2210.17323, in the equal form of Chee et al., "QuIP", arXiv:2307.13304
/// Throws nibble::error where shapes disagree, and as quantize does.
template <quantization_scheme S>
packed_tensor<storage_of<S>> gptq(cpu where, matrix_view<float const> w, feedback const& f,
                                  quantize_statistics* statistics = nullptr) {
    static_assert(!rounds_at_random<S>,
                  "nibble: gptq makes up for the error of every code, noise included; use a scheme that rounds to "
                  "nearest, or quantize<S>(cpu, x, random_key)");
    if (w.columns() != f.columns()) {
        throw error("gptq got weights of " + std::to_string(w.columns()) + " columns and moments of " +
                    std::to_string(f.columns()) + "; gather the moments of the inputs of this layer.");
    }
    detail::subnormals_count const mode;
    detail::require_finite(w, "gptq");
    packed_tensor<storage_of<S>> packed(w.rows(), w.columns());
    detail::shared_count underflowed;
    if (w.rows() != 0 && w.columns() != 0) {
        matrix<group_parameters<S>> given;
        if (!detail::has_groups_alone<S> || !f.left_to_right()) {
            given = detail::parameters_of<S>(where, w);
        }
        constexpr std::size_t rows = detail::gptq_rows<S>::most;
        where.parallel_for((w.rows() + rows - 1) / rows, [&](std::size_t begin, std::size_t end) {
            detail::gptq_rows<S> some(f, given);
            for (std::size_t i = begin; i < end; ++i) {
                some(w, i * rows, packed, underflowed);
            }
        });
    }
    if (statistics != nullptr) {
        *statistics = {.underflowed_groups = underflowed.value()};
    }
    return packed;
}

/// The same for a layer that shares its inputs with no other. Throws as the feedback does, too.
template <quantization_scheme S>
packed_tensor<storage_of<S>> gptq(cpu where, matrix_view<float const> w, second_moments const& h,
                                  feedback_options const& options = {}, quantize_statistics* statistics = nullptr) {
    return gptq<S>(where, w, feedback(where, h, options), statistics);
}

}  // namespace nibble
