// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/numeric/error.hpp>
#include <nibble/numeric/fma.hpp>
#include <nibble/numeric/vectorized.hpp>
#include <nibble/quantize/encode.hpp>
#include <nibble/scheme/gradient.hpp>
#include <nibble/tensor/backend.hpp>
#include <nibble/tensor/matrix.hpp>
#include <nibble/tensor/packed_matrix.hpp>

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

namespace nibble {

/// Gradients of a loss through a quantizer. `scale rows` are the rows that have scales of their own: as many as rows,
/// or 1 for per_tensor, or one for every R rows of per_block<R, C>. What a policy does not learn stays empty.
struct gradient_matrices {
    matrix<float> dw;      ///< [rows, columns]
    matrix<float> dscale;  ///< [scale rows, groups], of what is learned in the scale's place: s, α, log2 s, s_post
    matrix<float> dstep;   ///< [scale rows, groups], of s_pre
    matrix<float> dzero;   ///< [scale rows, groups], of the zero point in codes, or of the offset in values
};

namespace detail {

/// What a group was quantized with, as its packed matrix has it.
template <quantization_scheme S>
affine_parameters<float> stored_parameters(typename S::storage::scale_type scale, typename S::storage::zero_type zero) {
    auto const s = static_cast<float>(scale);
    affine_parameters<float> p{.scale = s, .step = s, .zero_point = 0, .offset = 0};
    if constexpr (S::storage::has_zero_point) {
        p.zero_point = static_cast<float>(zero);
    } else if constexpr (S::storage::has_offset) {
        p.offset = static_cast<float>(zero);
    }
    return p;
}

template <class T>
affine_parameters<T> convert(affine_parameters<float> const& p) {
    return {.scale = p.scale, .step = p.step, .zero_point = p.zero_point, .offset = p.offset};
}

/// a · b + c, rounded once.
template <class T>
T fused(T a, T b, T c) {
    if constexpr (std::same_as<T, float>) {
        return nibble::fma(a, b, c);
    } else {
        return std::fma(a, b, c);
    }
}

/// Whether rounding gave an index that is not in use; `code` is what was stored, `quotient` what was rounded.
template <quantization_scheme S>
bool is_clamped(unsigned code, float quotient, float zero_point) {
    if constexpr (random_rounding_mode<typename S::rounding>) {
        return false;
    } else {
        constexpr unsigned lowest = S::grid::code(S::qmin);
        constexpr unsigned highest = S::grid::code(S::qmax);
        float const index = index_of<S>(quotient, zero_point);
        return ((code == lowest) | (code == highest)) &
               ((index < static_cast<float>(S::qmin)) | (index > static_cast<float>(S::qmax)));
    }
}

/// level − u to the precision of T; not finite where w − o, or its distance from the level, is beyond the range of T.
template <class T>
T residual_of(affine_parameters<T> const& p, T value, T level) {
    // w − o = difference + rest exactly, and the product below is not rounded: only the quotient is.
    T const difference = value - p.offset;
    T const back = difference - value;
    T const rest = (value - (difference - back)) - (p.offset + back);
    return (fused(level - p.zero_point, p.step, -difference) - rest) / p.step;
}

/// Value w of a group with these parameters, and the code that it has.
///   position  of T = float as the quantizer computes it, by the scheme's division; else to the precision of T
template <class T, quantization_scheme S>
quantized_element<T> element_of(affine_parameters<float> const& p, float w, unsigned code) {
    T const level = S::grid::level(code);
    quantized_element<T> e{.parameters = convert<T>(p),
                           .value = w,
                           .position = level,
                           .level = level,
                           .residual = 0,
                           .clamped = false,
                           .low = static_cast<T>(S::low),
                           .high = static_cast<T>(S::high)};
    if (p.step == 0.0f) {
        return e;
    }
    float const v = quotient<S>(w, p.offset, p.step);
    e.clamped = is_clamped<S>(code, v, p.zero_point);
    if constexpr (std::same_as<T, float>) {
        e.position = v + p.zero_point;
    } else {
        e.position = e.parameters.position(e.value);
    }
    T const residual = residual_of<T>(e.parameters, e.value, level);
    e.residual = std::isfinite(residual) ? residual : level - e.position;
    return e;
}

/// The same for `lanes` elements at once, which f(lane, element) gets. Each loop does one thing that needs no branch.
template <quantization_scheme S, class F>
void for_each_element(affine_parameters<float> const& p, float const (&w)[lanes], std::uint8_t const (&code)[lanes],
                      auto const& quotient, F const& f) {
    float v[lanes], level[lanes], residual[lanes], rounded[lanes];
    std::int32_t clamped[lanes];
    for_each_lane([&](std::size_t lane) { v[lane] = quotient(w[lane]); });
    for_each_lane([&](std::size_t lane) { level[lane] = S::grid::level(code[lane]); });
    for_each_lane([&](std::size_t lane) { clamped[lane] = is_clamped<S>(code[lane], v[lane], p.zero_point) ? 1 : 0; });
    for_each_lane([&](std::size_t lane) { v[lane] += p.zero_point; });
    for_each_lane([&](std::size_t lane) { rounded[lane] = level[lane] - v[lane]; });
    for_each_lane([&](std::size_t lane) { residual[lane] = residual_of<float>(p, w[lane], level[lane]); });
    for_each_lane(
        [&](std::size_t lane) { residual[lane] = std::isfinite(residual[lane]) ? residual[lane] : rounded[lane]; });
    for_each_lane([&](std::size_t lane) {
        f(lane, quantized_element<float>{.parameters = p,
                                         .value = w[lane],
                                         .position = v[lane],
                                         .level = level[lane],
                                         .residual = residual[lane],
                                         .clamped = clamped[lane] != 0,
                                         .low = S::low,
                                         .high = S::high});
    });
}

/// How a matrix falls into the blocks that share a scale.
template <quantization_scheme S>
struct scale_blocks {
    std::size_t rows;
    std::size_t columns;

    std::size_t height() const { return S::storage::rows == 0 ? rows : S::storage::rows; }
    std::size_t width() const { return S::storage::group == 0 ? columns : S::storage::group; }
    std::size_t scale_rows() const { return rows == 0 ? 0 : (rows + height() - 1) / height(); }
    std::size_t groups() const { return columns == 0 ? 0 : (columns + width() - 1) / width(); }
    std::size_t rows_of(std::size_t scale_row) const { return (std::min)(height(), rows - scale_row * height()); }
    std::size_t columns_of(std::size_t group) const { return (std::min)(width(), columns - group * width()); }
};

/// ds/dw_j of a scale that follows the extreme value w_j.
template <quantization_scheme S, class T>
T slope_of_scale(float extreme) {
    T const sign = extreme < 0 ? T{-1} : T{1};
    return sign *
           scale_of_extreme<typename S::scale_rule>::scale(sign, static_cast<T>(S::low), static_cast<T>(S::high));
}

/// Row and column of the first value of the largest magnitude in a block.
struct extreme_place {
    std::size_t row;
    std::size_t column;
};

template <quantization_scheme S>
extreme_place find_extreme(matrix_view<float const> w, std::size_t scale_row, std::size_t group) {
    scale_blocks<S> const blocks{w.rows(), w.columns()};
    extreme_place best{scale_row * blocks.height(), group * blocks.width()};
    for (std::size_t i = 0; i < blocks.rows_of(scale_row); ++i) {
        for (std::size_t k = 0; k < blocks.columns_of(group); ++k) {
            extreme_place const here{scale_row * blocks.height() + i, group * blocks.width() + k};
            if (std::fabs(w(here.row, here.column)) > std::fabs(w(best.row, best.column))) {
                best = here;
            }
        }
    }
    return best;
}

template <quantization_scheme S, class G, packed_matrix M>
void require_shapes(matrix_view<float const> w, M const& wq, matrix_view<float const> step) {
    static_assert(
        gradient_policy<G>,
        "nibble: a gradient policy derives from gradient_defaults and has name, derivative(e), surrogate(e, move)");
    static_assert(
        std::same_as<typename M::storage, storage_of<S>>,
        "nibble: the packed matrix was made under a scheme that stores other things; quantize it under this one");
    G::template require<S>();
    auto const shape = [](std::size_t rows, std::size_t columns) {
        return std::to_string(rows) + " x " + std::to_string(columns);
    };
    if (w.rows() != wq.rows() || w.columns() != wq.columns()) {
        throw error("The gradient of a quantizer got values of " + shape(w.rows(), w.columns()) + " and codes of " +
                    shape(wq.rows(), wq.columns()) + "; pass the values that the codes were made from.");
    }
    scale_blocks<S> const blocks{w.rows(), w.columns()};
    bool const has_step = step.rows() != 0 || step.columns() != 0;
    if (has_step && !G::learns_step) {
        throw error("The gradient '" + std::string(G::name) +
                    "' got steps beside the scales, which it has no use for; leave them out, or use dual_scale.");
    }
    if (has_step && (step.rows() != blocks.scale_rows() || step.columns() != blocks.groups())) {
        throw error("The gradient of a quantizer got steps of " + shape(step.rows(), step.columns()) +
                    " where there are scales of " + shape(blocks.scale_rows(), blocks.groups()) +
                    "; pass one step for each scale.");
    }
}

template <quantization_scheme S, packed_matrix M>
affine_parameters<float> parameters_at(M const& wq, matrix_view<float const> step, std::size_t row, std::size_t group) {
    auto p = stored_parameters<S>(wq.scale(row, group), wq.zero(row, group));
    if (step.rows() != 0) {
        p.step = step(row / scale_blocks<S>{wq.rows(), wq.columns()}.height(), group);
    }
    return p;
}

/// Which sums of ∂ŵ over the elements of a group a policy needs.
template <class G>
inline constexpr bool sums_scale = G::learns_scale || G::follows_extreme;
template <class G>
inline constexpr bool has_sums = sums_scale<G> || G::learns_step || G::learns_zero;

struct parameter_sums {
    double scale = 0;
    double step = 0;
    double zero = 0;
};

/// x[0] + x[8] and so on, then of these 8 x[0] + x[4], down to one.
inline double sum_of(double (&x)[lanes]) {
    auto const fold = [&]<std::size_t Half>(std::integral_constant<std::size_t, Half>) {
        for_each_lane<Half>([&](std::size_t lane) { x[lane] += x[lane + Half]; });
    };
    fold(std::integral_constant<std::size_t, 8>{});
    fold(std::integral_constant<std::size_t, 4>{});
    fold(std::integral_constant<std::size_t, 2>{});
    fold(std::integral_constant<std::size_t, 1>{});
    return x[0];
}

/// dw of the elements of one group in a row, and the sums of their terms: those of every 16th, then of the 16.
template <quantization_scheme S, class G>
parameter_sums group_gradient(affine_parameters<float> p, std::span<float const> w, std::uint8_t const* codes,
                              float const* dvalue, float* dw) {
    p.zero_point = S::storage::has_zero_point ? p.zero_point : 0.0f;  // for the compiler to see
    p.offset = S::storage::has_offset ? p.offset : 0.0f;
    double scale[lanes] = {};
    double step[lanes] = {};
    double zero[lanes] = {};
    auto const take = [&](std::size_t first, std::size_t count, auto const& elements) {
        float value[lanes] = {};
        float outer[lanes] = {};
        std::uint8_t code[lanes] = {};
        std::memcpy(value, w.data() + first, count * sizeof(float));
        std::memcpy(outer, dvalue + first, count * sizeof(float));
        std::memcpy(code, codes + first, count);
        float input[lanes], of_scale[lanes], of_step[lanes], of_zero[lanes];
        elements(value, code, [&](std::size_t lane, quantized_element<float> const& e) {
            partial_derivatives<float> const d = G::derivative(e);
            input[lane] = outer[lane] * d.input;
            of_scale[lane] = d.scale;
            of_step[lane] = d.step;
            of_zero[lane] = S::storage::has_zero_point ? d.zero_point : d.offset;
        });
        std::memcpy(dw + first, input, count * sizeof(float));
        auto const add = [&](double(&to)[lanes], float const(&term)[lanes]) {
            for (std::size_t lane = 0; lane < count; ++lane) {
                to[lane] += static_cast<double>(outer[lane]) * static_cast<double>(term[lane]);
            }
        };
        if constexpr (sums_scale<G>) {
            add(scale, of_scale);
        }
        if constexpr (G::learns_step) {
            add(step, of_step);
        }
        if constexpr (G::learns_zero) {
            add(zero, of_zero);
        }
    };
    auto const take_all = [&](auto const& elements) {
        std::size_t k = 0;
        for (; k + lanes <= w.size(); k += lanes) {
            take(k, lanes, elements);
        }
        if (k < w.size()) {
            take(k, w.size() - k, elements);
        }
    };
    // A zero step has elements of its own; by_factor stores what it divides by, which with_quotient does not know.
    if (multiplies<S> || p.step == 0.0f) {
        take_all([&](auto const& value, auto const& code, auto const& f) {
            for (std::size_t lane = 0; lane < lanes; ++lane) {
                f(lane, element_of<float, S>(p, value[lane], code[lane]));
            }
        });
    } else {
        group_parameters<S> const divided{.step = p.step, .origin = p.offset, .wide = S::storage::has_offset};
        with_quotient<S>(divided, [&](auto quotient) {
            take_all([&](auto const& value, auto const& code, auto const& f) {
                for_each_element<S>(p, value, code, quotient, f);
            });
        });
    }
    parameter_sums sums;
    if constexpr (has_sums<G>) {
        sums = {.scale = sum_of(scale), .step = sum_of(step), .zero = sum_of(zero)};
    }
    return sums;
}

}  // namespace detail

/// The gradient of a loss with respect to what a matrix was quantized from, given its gradient with respect to the
/// values ŵ that the codes stand for, by the policy of S or another:
///   dw = dvalue · ∂ŵ/∂w,   dscale = γ · Σ dvalue · ∂ŵ/∂s over the elements that share s,   dstep and dzero alike
///   shape   w, wq, dvalue [rows, columns]; step [scale rows, groups], what codes were chosen with under dual_scale;
///           left out, the stored scale
///   codes   are those of wq. Their positions are measured with the stored scale, also under codes_from_unrounded. A
///           group of scale 0 lets every gradient pass that a mask lets pass at its level, and gives 0 to its scale
///   error   each term within 4 ulp of f32, sums in f64: of every 16th column of a group in a row, of these, of rows
///   result  the same bits for any number of threads
template <quantization_scheme S, class G = typename S::gradient, packed_matrix M>
gradient_matrices quantization_gradient(cpu backend, matrix_view<float const> w, M const& wq,
                                        matrix_view<float const> dvalue, matrix_view<float const> step = {}) {
    detail::require_shapes<S, G>(w, wq, step);
    if (dvalue.rows() != w.rows() || dvalue.columns() != w.columns()) {
        throw error("The gradient of a quantizer got a gradient of " + std::to_string(dvalue.rows()) + " x " +
                    std::to_string(dvalue.columns()) + " for values of " + std::to_string(w.rows()) + " x " +
                    std::to_string(w.columns()) + "; pass the gradient of these values.");
    }
    detail::scale_blocks<S> const blocks{w.rows(), w.columns()};
    std::size_t const groups = blocks.groups();
    constexpr bool has_sums = detail::has_sums<G>;
    std::vector<detail::parameter_sums> of_rows(has_sums ? w.rows() * groups : 0);

    gradient_matrices result{.dw = matrix<float>(w.rows(), w.columns()), .dscale = {}, .dstep = {}, .dzero = {}};
    backend.parallel_for(w.rows(), [&](std::size_t begin, std::size_t end) {
        std::vector<std::uint8_t> codes(w.columns());
        for (std::size_t row = begin; row < end; ++row) {
            wq.codes(row, 0, codes);
            for (std::size_t g = 0; g < groups; ++g) {
                auto const p = detail::parameters_at<S>(wq, step, row, g);
                std::size_t const first = g * blocks.width();
                detail::parameter_sums sums;
                detail::vectorized([&] {
                    sums = detail::group_gradient<S, G>(p, w.row(row).subspan(first, blocks.columns_of(g)),
                                                        codes.data() + first, dvalue.row(row).data() + first,
                                                        result.dw.row(row).data() + first);
                });
                if constexpr (has_sums) {
                    of_rows[row * groups + g] = sums;
                }
            }
        }
    });
    if constexpr (has_sums) {
        auto const make = [&](bool learned) {
            return learned ? matrix<float>(blocks.scale_rows(), groups) : matrix<float>{};
        };
        result.dscale = make(G::learns_scale);
        result.dstep = make(G::learns_step);
        result.dzero = make(G::learns_zero);
        backend.parallel_for(blocks.scale_rows(), [&](std::size_t begin, std::size_t end) {
            for (std::size_t i = begin; i < end; ++i) {
                for (std::size_t g = 0; g < groups; ++g) {
                    detail::parameter_sums sum;
                    for (std::size_t k = 0; k < blocks.rows_of(i); ++k) {
                        auto const& of_row = of_rows[(i * blocks.height() + k) * groups + g];
                        sum.scale += of_row.scale;
                        sum.step += of_row.step;
                        sum.zero += of_row.zero;
                    }
                    auto const factor =
                        static_cast<double>(G::factor(blocks.rows_of(i) * blocks.columns_of(g), S::high));
                    if constexpr (G::learns_scale) {
                        result.dscale(i, g) = static_cast<float>(factor * sum.scale);
                    }
                    if constexpr (G::learns_step) {
                        result.dstep(i, g) = static_cast<float>(factor * sum.step);
                    }
                    if constexpr (G::learns_zero) {
                        result.dzero(i, g) = static_cast<float>(factor * sum.zero);
                    }
                    if constexpr (G::follows_extreme) {
                        auto const at = detail::find_extreme<S>(w, i, g);
                        float const extreme = w(at.row, at.column);
                        if (static_cast<float>(wq.scale(at.row, g)) != 0.0f) {
                            float& dw = result.dw(at.row, at.column);
                            dw = static_cast<float>(static_cast<double>(dw) +
                                                    detail::slope_of_scale<S, double>(extreme) * sum.scale);
                        }
                    }
                }
            }
        });
    }
    return result;
}

}  // namespace nibble
