// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/numeric/error.hpp>
#include <nibble/numeric/vectorized.hpp>
#include <nibble/quantize/group_gradient.hpp>
#include <nibble/quantize/scale_blocks.hpp>
#include <nibble/scheme/gradient.hpp>
#include <nibble/tensor/backend.hpp>
#include <nibble/tensor/matrix.hpp>
#include <nibble/tensor/packed_matrix.hpp>

#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
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
