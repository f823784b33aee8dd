// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/numeric/float_mode.hpp>
#include <nibble/quantize/encode.hpp>
#include <nibble/quantize/grid_search.hpp>
#include <nibble/quantize/quantize.hpp>
#include <nibble/quantize/shared_count.hpp>
#include <nibble/scheme/compose.hpp>
#include <nibble/tensor/backend.hpp>
#include <nibble/tensor/matrix.hpp>
#include <nibble/tensor/packed_tensor.hpp>

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <span>
#include <type_traits>
#include <vector>

namespace nibble {

/// The type that values were rounded to, nearest and ties to even, after they were decoded.
enum class stored_float { f32, f16, bf16 };

struct recover_options {
    stored_float stored_as = stored_float::f32;  ///< of the checkpoint, whatever type its values have come in since
    quantize_statistics* statistics = nullptr;   ///< of the groups that were quantized
};

/// A packed matrix and which of its groups were recovered; the others were quantized by S.
template <quantization_scheme S>
struct recovered {
    packed_tensor<storage_of<S>> tensor;
    std::vector<std::uint8_t> on_grid;  ///< [rows][groups], one for the matrix under per_tensor: 1 where recovered

    std::size_t groups() const { return on_grid.size(); }
    std::size_t recovered_groups() const { return std::accumulate(on_grid.begin(), on_grid.end(), std::size_t{0}); }
    /// 1 of a matrix without groups.
    double share() const {
        return on_grid.empty() ? 1.0 : static_cast<double>(recovered_groups()) / static_cast<double>(groups());
    }
};

namespace detail {

template <class T>
inline constexpr bool is_plain_scale =
    std::same_as<T, float> || std::same_as<T, f16> || std::same_as<T, bf16> || std::same_as<T, e8m0>;

template <quantization_scheme S>
inline constexpr bool has_integers =
    bias_of<typename S::grid> >= 0 && !std::same_as<typename S::symmetry, asymmetric_middle>;

template <quantization_scheme S>
inline constexpr bool has_whole_rows = S::storage::rows == 1 || std::same_as<typename S::granularity, per_tensor>;

template <quantization_scheme S, class D>
recovered<S> recover(cpu backend, matrix_view<float const> x, recover_options const& options) {
    constexpr bool is_per_tensor = std::same_as<typename S::granularity, per_tensor>;
    subnormals_count const mode;
    require_finite(x, "recover");
    recovered<S> result{{x.rows(), x.columns()}, {}};
    auto& packed = result.tensor;
    auto const scales = packed_layout<storage_of<S>>{x.rows(), x.columns()}.scales();
    result.on_grid.resize(scales.rows * scales.groups);
    shared_count underflowed;

    // Leaves scale, zero and codes of one group in `grid`; 1 where they are recovered.
    auto const fit = [&](grid_search<S, D>& grid, std::span<float const> values) -> std::uint8_t {
        if (grid.fits(values)) {
            return 1;
        }
        auto const p = fit_values<S>(values);
        encode<S>(values, p, grid.codes.data());
        grid.scale = p.scale;
        grid.zero = p.zero;
        underflowed.add(p.underflowed ? 1 : 0);
        return 0;
    };
    if (is_per_tensor && !result.on_grid.empty()) {
        grid_search<S, D> grid;
        result.on_grid[0] = fit(grid, {x.data(), x.rows() * x.columns()});
        packed.set_scale(0, 0, grid.scale, grid.zero);
        for (std::size_t row = 0; row < x.rows(); ++row) {
            packed.set_codes(row, 0, std::span(grid.codes).subspan(row * x.columns(), x.columns()));
        }
    } else {
        std::size_t const width = S::storage::group == 0 ? x.columns() : S::storage::group;
        backend.parallel_for(x.rows(), [&](std::size_t begin, std::size_t end) {
            grid_search<S, D> grid;
            for (std::size_t row = begin; row < end; ++row) {
                for (std::size_t first = 0, g = 0; first < x.columns(); first += width, ++g) {
                    auto const values = x.row(row).subspan(first, (std::min)(width, x.columns() - first));
                    result.on_grid[row * packed.groups() + g] = fit(grid, values);
                    packed.set_scale(row, g, grid.scale, grid.zero);
                    packed.set_codes(row, first, grid.codes);
                }
            }
        });
    }
    if (options.statistics != nullptr) {
        *options.statistics = {.underflowed_groups = underflowed.value()};
    }
    return result;
}

/// Whether the rule says what scale the values of a group would get.
template <quantization_scheme S>
inline constexpr bool has_plain_rule = value_rule<typename S::scale_rule, S> ||
                                       requires(group_range range) { S::scale_rule::scale(range, S::low, S::high); };

}  // namespace detail

/// Whether `recover<S>` knows the grids of a scheme.
template <quantization_scheme S>
inline constexpr bool is_recoverable = detail::has_integers<S> && detail::is_plain_scale<typename S::scale_type> &&
                                       detail::has_whole_rows<S> && !rounds_at_random<S> && detail::has_plain_rule<S>;

/// Codes and scales of values that already lie on a grid, as weights do that were trained for it and written as floats;
/// groups that do not are quantized by S.
///   shape   x [rows, columns]; codes alike; scales, zeros and on_grid [rows, groups]
///   result  a recovered group, decoded and rounded to `stored_as`, is x; zeros may differ in sign. The same bits for
///           any number of threads
///   own     of what S quantized, every group is recovered (but see limits), with the codes that S chose and its
///           scales: exactly those where x is as decoded (f32) and decoding rounded nothing, else they give the same x,
///           one rounding apart at most. Groups whose x has two codings of S get the one with the extreme where the
///           rule of S has it, else the finer one; of scales, one near the middle of those that give x. A rule that
///           puts the extreme at one code (absmax, extreme, pow2) leaves one coding where qmax · ε < 1/2, ε being the
///           largest relative width of what is rounded to one stored value: 2^-7 of bf16, 2^-10 of f16, 2^-23 of f32.
///           Signed 8 bits in bf16 want a dozen codes in use; codes from 0 to 255 need more bits than bf16 keeps
///   others' a grid is recovered if its codes are within those of S, its groups consist of whole groups of S, and the
///           scale's type has a value that gives x. A bf16 scale of 2^-14 to 65504 is a value of f16 too, so int4 of
///           groups of 32 that was stored as bf16 goes into q4_0
///   chance  n values from anywhere all lie on a grid with a chance of about qmax · ∏ min(1, |k_i| ε) over all but the
///           extreme, k_i being x_i in steps. With bf16 that is below 1e-40 for 4 bits and 32 values, below 1e-10 for 8
///           bits and 32 values, and one in twenty for 4 bits and 2 values, which therefore say nothing
///   limits  an offset grid is recovered where its least value (the largest, if the scale is negative) has code 0, as
///           min_max has it but for offsets whose type is coarser than a step
///   cost    about 20 million values a second and core for 4 bits; up to 20 times slower for 8 bits on no grid
///   error   throws as quantize does
template <quantization_scheme S>
recovered<S> recover(cpu backend, matrix_view<float const> x, recover_options const& options = {}) {
    static_assert(
        detail::has_integers<S>,
        "nibble: recover knows grids of integers only, zero among them or an offset at code 0; give it a scheme "
        "of bits<N> or ternary, without mid_rise and asymmetric_middle");
    static_assert(detail::is_plain_scale<typename S::scale_type>,
                  "nibble: recover knows scales of one level only; give it a scheme with scale_as<float>, f16, bf16 or "
                  "e8m0");
    static_assert(detail::has_whole_rows<S>,
                  "nibble: recover knows groups along rows only; give it a scheme with per_tensor, per_channel, "
                  "per_token or per_group<N>");
    static_assert(!rounds_at_random<S>,
                  "nibble: recover quantizes groups that are on no grid, which takes random numbers under stochastic "
                  "rounding; give it the scheme with round_to_nearest_even, whose grids are the same");
    switch (options.stored_as) {
    case stored_float::f16:
        return detail::recover<S, f16>(backend, x, options);
    case stored_float::bf16:
        return detail::recover<S, bf16>(backend, x, options);
    case stored_float::f32:
        break;
    }
    return detail::recover<S, float>(backend, x, options);
}

}  // namespace nibble
