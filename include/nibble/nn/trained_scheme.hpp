// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/gemm/activation_values.hpp>
#include <nibble/nn/linear.hpp>
#include <nibble/nn/seen_weight.hpp>
#include <nibble/nn/trained_weight.hpp>
#include <nibble/numeric/bf16.hpp>
#include <nibble/numeric/random.hpp>
#include <nibble/quantize/gradient.hpp>
#include <nibble/quantize/learned_step.hpp>
#include <nibble/quantize/quantize.hpp>
#include <nibble/quantize/quantize_at.hpp>
#include <nibble/quantize/scale_blocks.hpp>
#include <nibble/scheme/compose.hpp>
#include <nibble/scheme/name.hpp>
#include <nibble/tensor/backend.hpp>
#include <nibble/tensor/matrix.hpp>
#include <nibble/tensor/packed_tensor.hpp>
#include <nibble/tensor/repack.hpp>
#include <nibble/tensor/rounded.hpp>

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>

namespace nibble::detail {

/// Whether codes of S may be chosen under scales that are given: each is one number of its own.
template <quantization_scheme S>
inline constexpr bool takes_learned_scales =
    !rounds_at_random<S> && std::constructible_from<typename storage_of<S>::scale_type, float>;

/// Row `row` of learned parameters, which belong to rows.
inline learned_parameters learned_row(learned_parameters const& all, std::size_t row) {
    auto const copy = [&](matrix<float> const& m) {
        matrix<float> one(m.rows() == 0 ? 0 : 1, m.columns());
        if (m.rows() != 0) {
            std::copy_n(m.row(row).data(), m.columns(), one.data());
        }
        return one;
    };
    return {copy(all.scale), copy(all.step), copy(all.zero)};
}

/// A matrix under a scheme: its codes are those that the scheme would store, its scales fitted or learned.
template <quantization_scheme S>
struct trained_scheme {
    using gradient_policy = typename S::gradient;
    static constexpr bool is_learned =
        gradient_policy::learns_scale || gradient_policy::learns_step || gradient_policy::learns_zero;
    static_assert(!is_learned || takes_learned_scales<S>,
                  "nibble: a scale that is learned has to be one number, and codes the nearest under it; use "
                  "scale_as<float>, f16 or bf16 and a rounding without noise");

    /// Codes under the learned parameters where there are any, else those of the scheme's own fit.
    static packed_tensor<storage_of<S>> pack(cpu where, matrix_view<float const> w, learned_parameters const& learned,
                                             random_key key, quantize_options const& options = {}) {
        if constexpr (takes_learned_scales<S>) {
            if (learned.scale.rows() != 0) {
                return quantize_at<S>(where, w, learned.scale, learned.zero, learned.step);
            }
        }
        return detail::quantize<S>(where, w, key, options);
    }

    static matrix<float> values_of(cpu where, matrix_view<float const> w, learned_parameters const& learned,
                                   random_key key, quantize_options const& options = {}) {
        if constexpr (takes_learned_scales<S>) {
            if (learned.scale.rows() != 0) {
                return fake_quantize_at<S>(where, w, learned.scale, learned.zero, learned.step);
            }
        }
        return detail::fake_quantize<S>(where, w, key, options);
    }

    static std::string name() { return nibble::name<S>(); }

    static learned_parameters initial([[maybe_unused]] cpu where, [[maybe_unused]] matrix_view<float const> w) {
        learned_parameters p;
        if constexpr (is_learned && S::is_symmetric) {
            p.scale = initial_step<S>(where, w);
        } else if constexpr (is_learned) {
            auto const fitted = quantize<S>(where, w);
            scale_blocks<S> const blocks{w.rows(), w.columns()};
            p.scale = matrix<float>(blocks.scale_rows(), blocks.groups());
            p.zero = matrix<float>(blocks.scale_rows(), blocks.groups());
            for (std::size_t i = 0; i < p.scale.rows(); ++i) {
                for (std::size_t g = 0; g < p.scale.columns(); ++g) {
                    p.scale(i, g) = static_cast<float>(fitted.scale(i * blocks.height(), g));
                    p.zero(i, g) = static_cast<float>(fitted.zero(i * blocks.height(), g));
                }
            }
        }
        if constexpr (gradient_policy::learns_step) {
            p.step = p.scale;
        }
        return p;
    }

    static std::unique_ptr<seen_weight> see(cpu where, activation_kind kind, trained_matrix const& w, random_key key) {
        if (kind == activation_kind::f32) {
            return std::make_unique<seen_values>(values_of(where, w.values, w.learned, key));
        }
        auto packed = pack(where, w.values, w.learned, key);
        auto panels = repack(where, packed);
        auto source = [p = std::move(packed)](cpu on) { return dequantize(on, p); };
        return std::make_unique<seen_panels<decltype(panels), decltype(source)>>(kind, std::move(panels),
                                                                                 std::move(source));
    }

    static void rows(cpu where, trained_matrix const& w, std::span<std::uint32_t const> ids, random_key key,
                     matrix_view<float> to) {
        static_assert(S::storage::rows == 1 && !has_matrix_scale<typename S::scale_type>,
                      "nibble: rows of a matrix in training are taken one by one, so its scheme cannot have scales "
                      "that rows share; use per_channel or per_group<N>");
        where.parallel_for(ids.size(), [&](std::size_t begin, std::size_t end) {
            for (std::size_t t = begin; t < end; ++t) {
                matrix_view<float const> const row(w.values.row(ids[t]).data(), 1, w.values.columns());
                auto const seen = values_of(cpu{}, row, learned_row(w.learned, ids[t]), key, {.first_row = ids[t]});
                std::copy_n(seen.data(), seen.columns(), to.row(t).data());
            }
        });
    }

    static matrix_view<float const> activations(cpu where, activation_kind kind, matrix_view<float const> x,
                                                matrix<float>& scratch) {
        if (kind == activation_kind::bf16) {
            scratch = rounded_to<bf16>(where, x);
            return scratch;
        }
        if constexpr (integer_grid<typename storage_of<S>::grid>) {
            if (kind == activation_kind::int8) {
                scratch = int8_activation_values<storage_of<S>>(where, x);
                return scratch;
            }
        }
        return x;
    }

    static void differentiate(cpu where, trained_matrix const& w, random_key key, trained_matrix& gradient) {
        auto const packed = pack(where, w.values, w.learned, key);
        auto g = quantization_gradient<S>(where, w.values, packed, gradient.values, w.learned.step);
        gradient.values = std::move(g.dw);
        auto const or_zeros = [](matrix<float>& d, matrix<float> const& of) {  // stored, but not learned
            return d.rows() == of.rows() ? std::move(d) : matrix<float>(of.rows(), of.columns());
        };
        gradient.learned = {or_zeros(g.dscale, w.learned.scale), or_zeros(g.dstep, w.learned.step),
                            or_zeros(g.dzero, w.learned.zero)};
    }
};

}  // namespace nibble::detail
