// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/numeric/random.hpp>
#include <nibble/quantize/gradient.hpp>
#include <nibble/quantize/quantize.hpp>
#include <nibble/scheme/gradient.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace nibble {

/// What check_gradient found.
struct gradient_report {
    /// A relative error and the element or group [row, column] where it is, with respect to `parameter`; a value that
    /// the surrogate does not give without a move counts as an error with respect to "nothing".
    struct error_at {
        double relative = 0;
        std::size_t row = 0;
        std::size_t column = 0;
        char const* parameter = "nothing";
    };

    error_at worst;            ///< of the derivative in f64, against differences of the surrogate in long double
    error_at worst_f32;        ///< of quantization_gradient, in f32, against the same in f64
    std::size_t checked = 0;   ///< elements
    std::size_t excluded = 0;  ///< elements at a kink of the surrogate, which a difference cannot see, or of scale 0

    static constexpr double tolerance = 1e-8;
    static constexpr double tolerance_f32 = 1e-6;

    /// Something was checked, and all of it is right.
    bool passes() const { return checked != 0 && worst.relative <= tolerance && worst_f32.relative <= tolerance_f32; }
};

/// The report as a sentence.
inline std::string to_string(gradient_report const& report) {
    auto const text = [](char const* what, gradient_report::error_at const& e) {
        return std::string(what) + " is off by " + std::to_string(e.relative / 1e-9) + "e-9 of its size at [" +
               std::to_string(e.row) + ", " + std::to_string(e.column) + "] with respect to " + e.parameter;
    };
    return text("The derivative", report.worst) + "; " + text("the gradient in f32", report.worst_f32) + "; " +
           std::to_string(report.checked) + " elements were checked and " + std::to_string(report.excluded) +
           " excluded.";
}

namespace detail {

/// A parameter of the surrogate: where it is among the derivatives, and the move that moves a value by about a step.
struct gradient_slot {
    char const* name;
    long double partial_derivatives<long double>::* at;
    double partial_derivatives<double>::* at_f64;
    long double unit;
};

/// The largest error seen, NaN being larger than all.
inline void widen(gradient_report::error_at& worst, double relative, std::size_t row, std::size_t column,
                  char const* parameter) {
    if (!(relative <= worst.relative)) {
        worst = {std::isnan(relative) ? std::numeric_limits<double>::infinity() : relative, row, column, parameter};
    }
}

/// f has no kink within 2^-14 of 0: both one-sided differences agree to 1/256 of their size.
template <class F>
bool is_smooth(F const& f, long double size) {
    constexpr long double h = 0x1p-14L;
    long double const here = f(0);
    long double const after = (f(h) - here) / h;
    long double const before = (here - f(-h)) / h;
    return std::fabs(after - before) <= (std::fabs(after) + std::fabs(before) + size) / 256;
}

/// (f(h) − f(−h)) / 2h. With |f| <= 2^8 and a third derivative of at most 2^13, off by 2^-33 at most.
template <class F>
long double central_difference(F const& f) {
    constexpr long double h = 0x1p-22L;
    return (f(h) - f(-h)) / (2 * h);
}

/// 1/2 <= |c| < 1, of either sign.
inline float outer_gradient(std::size_t index) {
    std::uint32_t const bits = random_bits({.seed = 1, .step = 0, .tensor = 0}, index);
    float const size = 0.5f + static_cast<float>(bits >> 9) * 0x1p-24f;
    return (bits & 1u) != 0 ? size : -size;
}

}  // namespace detail

/// Whether a gradient is the derivative that it claims to be, on the values w and their codes.
///   1  Per element, the policy's surrogate without a move is ŵ, and its central differences in long double are the
///      policy's derivative in f64, for the input and for every parameter that the policy learns. The surrogate is
///      g(w, s) = s · (clip(w / s) + r), r = round(clip(v)) − clip(v) being frozen at the values given, for the
///      policies of this library. A policy of your own is judged by its own surrogate: by its anchor ŵ and its slope.
///   2  For a scale that follows the extreme value, the difference of the whole loss Σ c · ŵ as that value moves.
///   3  quantization_gradient in f32 against the same sums in f64.
///   error   relative to the derivative or to one step per unit move, whichever is larger; of a sum, to the sum of
///           these. The difference itself is good to 2^-32 where long double has 64 bits or more
///   cost    five evaluations of the surrogate for each element and parameter
template <quantization_scheme S, class G = typename S::gradient, packed_matrix M>
gradient_report check_gradient(matrix_view<float const> w, M const& wq, matrix_view<float const> step = {}) {
    using wide = long double;
    detail::require_shapes<S, G>(w, wq, step);
    detail::scale_blocks<S> const blocks{w.rows(), w.columns()};
    gradient_report report;

    struct sum {
        double value = 0;
        double size = 0;  // what an error is relative to
    };
    struct group_sums {
        sum scale, step, zero;
    };
    std::vector<group_sums> sums(blocks.scale_rows() * blocks.groups());
    matrix<float> outer(w.rows(), w.columns());
    matrix<double> dw(w.rows(), w.columns());
    matrix<double> dw_size(w.rows(), w.columns());

    for (std::size_t row = 0; row < w.rows(); ++row) {
        std::vector<std::uint8_t> codes(w.columns());
        wq.codes(row, 0, codes);
        for (std::size_t column = 0; column < w.columns(); ++column) {
            std::size_t const group = column / blocks.width();
            auto const p = detail::parameters_at<S>(wq, step, row, group);
            if (p.scale == 0.0f || p.step == 0.0f) {
                ++report.excluded;
                continue;
            }
            auto const e = detail::element_of<wide, S>(p, w(row, column), codes[column]);
            auto const d = G::derivative(detail::element_of<double, S>(p, w(row, column), codes[column]));
            wide const size = std::fabs(e.parameters.scale);
            wide const step_size = std::fabs(e.parameters.step);
            detail::gradient_slot const input{"the input", &partial_derivatives<wide>::input,
                                              &partial_derivatives<double>::input, step_size};
            detail::gradient_slot const scale{"the scale", &partial_derivatives<wide>::scale,
                                              &partial_derivatives<double>::scale, G::scale_unit(e)};
            detail::gradient_slot const divisor{"the step", &partial_derivatives<wide>::step,
                                                &partial_derivatives<double>::step, step_size};
            detail::gradient_slot const zero =
                S::storage::has_zero_point
                    ? detail::gradient_slot{"the zero point", &partial_derivatives<wide>::zero_point,
                                            &partial_derivatives<double>::zero_point, 1}
                    : detail::gradient_slot{"the offset", &partial_derivatives<wide>::offset,
                                            &partial_derivatives<double>::offset, size};
            std::vector<detail::gradient_slot> slots{input};
            if (G::learns_scale || G::follows_extreme) {
                slots.push_back(scale);
            }
            if (G::learns_step) {
                slots.push_back(divisor);
            }
            if (G::learns_zero) {
                slots.push_back(zero);
            }
            auto const along = [&](detail::gradient_slot const& slot) {
                return [&e, &slot](wide units) {
                    partial_derivatives<wide> move;
                    move.*slot.at = units * slot.unit;
                    return G::surrogate(e, move);
                };
            };
            if (!std::all_of(slots.begin(), slots.end(),
                             [&](auto const& slot) { return detail::is_smooth(along(slot), size); })) {
                ++report.excluded;
                continue;
            }
            ++report.checked;
            wide const anchor = G::surrogate(e, {}) - e.parameters.value(e.level);
            detail::widen(report.worst, static_cast<double>(std::fabs(anchor) / size), row, column, "nothing");
            for (auto const& slot : slots) {
                wide const expected = detail::central_difference(along(slot));
                wide const given = static_cast<wide>(d.*slot.at_f64) * slot.unit;
                wide const relative = std::fabs(given - expected) / std::fmax(std::fabs(expected), size);
                detail::widen(report.worst, static_cast<double>(relative), row, column, slot.name);
            }

            float const c = detail::outer_gradient(row * w.columns() + column);
            outer(row, column) = c;
            auto const term = [&](detail::gradient_slot const& slot) {
                double const value = static_cast<double>(c) * d.*slot.at_f64;
                double const floor = static_cast<double>(std::fabs(c) * size / slot.unit);
                return sum{value, std::fmax(std::fabs(value), floor)};
            };
            auto const add = [](sum& to, sum const& from) {
                to.value += from.value;
                to.size += from.size;
            };
            dw(row, column) = term(input).value;
            dw_size(row, column) = term(input).size;
            auto& group_sum = sums[row / blocks.height() * blocks.groups() + group];
            add(group_sum.scale, term(scale));
            add(group_sum.step, term(divisor));
            add(group_sum.zero, term(zero));
        }
    }

    auto const given = quantization_gradient<S, G>(cpu{}, w, wq, outer, step);
    for (std::size_t i = 0; i < blocks.scale_rows(); ++i) {
        for (std::size_t g = 0; g < blocks.groups(); ++g) {
            auto const& group_sum = sums[i * blocks.groups() + g];
            auto const factor = static_cast<double>(G::factor(blocks.rows_of(i) * blocks.columns_of(g), S::high));
            auto const compare = [&](matrix<float> const& f32, sum const& f64, char const* name) {
                if (f32.rows() != 0 && f64.size != 0) {
                    double const off = std::fabs(static_cast<double>(f32(i, g)) - factor * f64.value);
                    detail::widen(report.worst_f32, off / (factor * f64.size), i, g, name);
                }
            };
            compare(given.dscale, group_sum.scale, "the scale");
            compare(given.dstep, group_sum.step, "the step");
            compare(given.dzero, group_sum.zero, "the zero");
            if constexpr (G::follows_extreme) {
                auto const at = detail::find_extreme<S>(w, i, g);
                float const extreme = w(at.row, at.column);
                auto const p = detail::parameters_at<S>(wq, step, at.row, g);
                if (p.scale == 0.0f || group_sum.scale.size == 0) {
                    continue;
                }
                auto const slope = detail::slope_of_scale<S, double>(extreme);
                dw(at.row, at.column) += slope * group_sum.scale.value;
                dw_size(at.row, at.column) += std::fabs(slope) * group_sum.scale.size;
                auto const loss = [&](wide units) {
                    using rule = scale_of_extreme<typename S::scale_rule>;
                    wide const move = units * std::fabs(static_cast<wide>(p.scale));
                    auto const rule_at = [](wide x) {
                        return rule::scale(x, static_cast<wide>(S::low), static_cast<wide>(S::high));
                    };
                    wide const scale_move = rule_at(static_cast<wide>(extreme) + move) - rule_at(extreme);
                    wide total = 0;
                    for (std::size_t k = 0; k < blocks.rows_of(i) * blocks.columns_of(g); ++k) {
                        std::size_t const row = i * blocks.height() + k / blocks.columns_of(g);
                        std::size_t const column = g * blocks.width() + k % blocks.columns_of(g);
                        std::uint8_t code = 0;
                        wq.codes(row, column, {&code, 1});
                        partial_derivatives<wide> change;
                        change.input = row == at.row && column == at.column ? move : 0;
                        change.scale = scale_move;
                        if (outer(row, column) != 0.0f) {
                            total += static_cast<wide>(outer(row, column)) *
                                     G::surrogate(detail::element_of<wide, S>(p, w(row, column), code), change);
                        }
                    }
                    return total;
                };
                auto const unit = std::fabs(static_cast<double>(p.scale));
                auto const expected = static_cast<double>(detail::central_difference(loss));
                double const off = std::fabs(dw(at.row, at.column) * unit - expected);
                detail::widen(report.worst, off / (dw_size(at.row, at.column) * unit), at.row, at.column,
                              "the extreme value");
            }
        }
    }
    for (std::size_t row = 0; row < w.rows(); ++row) {
        for (std::size_t column = 0; column < w.columns(); ++column) {
            if (dw_size(row, column) != 0) {
                double const off = std::fabs(static_cast<double>(given.dw(row, column)) - dw(row, column));
                detail::widen(report.worst_f32, off / dw_size(row, column), row, column, "the input");
            }
        }
    }
    return report;
}

/// The same on the codes that S gives to w.
template <quantization_scheme S, class G = typename S::gradient>
gradient_report check_gradient(matrix_view<float const> w) {
    return check_gradient<S, G>(w, quantize<S>(cpu{}, w));
}

}  // namespace nibble
