// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/numeric/error.hpp>
#include <nibble/numeric/rounding.hpp>    // round_to_nearest_even
#include <nibble/numeric/stochastic.hpp>  // random_rounding_mode
#include <nibble/numeric/vectorized.hpp>
#include <nibble/quantize/encode.hpp>
#include <nibble/quantize/scale_blocks.hpp>
#include <nibble/quantize/store_scale.hpp>
#include <nibble/tensor/backend.hpp>
#include <nibble/tensor/matrix.hpp>
#include <nibble/tensor/packed_tensor.hpp>

#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace nibble {

namespace detail {

/// Parameters that were learned, as codes are chosen with them, of groups in the order of scale rows.
template <quantization_scheme S>
class learned_groups {
public:
    using storage = storage_of<S>;

    learned_groups(cpu backend, matrix_view<float const> w, matrix_view<float const> scale,
                   matrix_view<float const> zero, matrix_view<float const> step)
        : w_(w), blocks_{w.rows(), w.columns()}, parameters_(blocks_.scale_rows() * blocks_.groups()) {
        static_assert(!random_rounding_mode<typename S::rounding>,
                      "nibble: quantize_at draws no random numbers; use a scheme that rounds to nearest");
        static_assert(std::constructible_from<typename storage::scale_type, float>,
                      "nibble: quantize_at stores a learned scale by itself, which a two_level scale cannot; use "
                      "scale_as<float>, scale_as<bf16> or scale_as<f16>");
        require_shape(scale, "scales");
        if (storage::has_zero) {
            require_shape(zero, "zeros");
        } else if (zero.rows() != 0) {
            throw error("quantize_at got zeros, and a symmetric scheme stores none; leave them out.");
        }
        if (step.rows() != 0) {
            require_shape(step, "steps");
        }
        backend.parallel_for(scale.rows(), [&](std::size_t begin, std::size_t end) {
            for (std::size_t i = begin; i < end; ++i) {
                for (std::size_t g = 0; g < scale.columns(); ++g) {
                    take(i, g, scale, zero, step);
                }
            }
        });
    }

    scale_blocks<S> const& blocks() const { return blocks_; }
    group_parameters<S> const& operator()(std::size_t row, std::size_t group) const {
        return parameters_[row / blocks_.height() * blocks_.groups() + group];
    }

    /// f(values, parameters, first column) for every group of a row.
    template <class F>
    void for_each_of_row(std::size_t row, F const& f) const {
        for (std::size_t g = 0; g < blocks_.groups(); ++g) {
            std::size_t const first = g * blocks_.width();
            f(w_.row(row).subspan(first, blocks_.columns_of(g)), (*this)(row, g), first);
        }
    }

private:
    void require_shape(matrix_view<float const> m, char const* what) const {
        if (m.rows() != blocks_.scale_rows() || m.columns() != blocks_.groups()) {
            throw error("quantize_at got " + std::string(what) + " of " + std::to_string(m.rows()) + " x " +
                        std::to_string(m.columns()) + ", but these values need " +
                        std::to_string(blocks_.scale_rows()) + " x " + std::to_string(blocks_.groups()) +
                        "; pass one for each group.");
        }
    }

    void take(std::size_t i, std::size_t g, matrix_view<float const> scale, matrix_view<float const> zero,
              matrix_view<float const> step) {
        auto& p = parameters_[i * blocks_.groups() + g];
        p.scale = typename storage::scale_type(scale(i, g));
        if constexpr (storage::has_zero_point) {
            float const z = round_to_nearest_even::round(zero(i, g));
            p.zero = static_cast<std::uint8_t>(std::fmin(std::fmax(z, 0.0f), static_cast<float>(S::qmax)));
        } else if constexpr (storage::has_offset) {
            p.zero = typename storage::zero_type(zero(i, g));
            p.origin = static_cast<float>(p.zero);
        }
        p.step = step.rows() != 0 ? step(i, g) : static_cast<float>(p.scale);
        bool const is_stored = !beyond_range<typename storage::scale_type>(scale(i, g)) && std::isfinite(p.step) &&
                               std::isfinite(p.origin);
        if (!is_stored) {
            throw error("The learned scale " + std::to_string(scale(i, g)) + " of group [" + std::to_string(i) + ", " +
                        std::to_string(g) + "], its step or its offset is not a finite value of its type; lower the " +
                        "learning rate or use scale_as<float>.");
        }
    }

    matrix_view<float const> w_;
    scale_blocks<S> blocks_;
    std::vector<group_parameters<S>> parameters_;
};

}  // namespace detail

/// Codes of w at parameters that were learned instead of fitted:  q = clamp(round((w − o) / step) + z, qmin, qmax).
///   shape   w [rows, columns]; scale, zero and step [scale rows, groups]. `zero` is the zero point, which is rounded
///           to the nearest code, or the offset; empty where there is none. `step` is s_pre of a dual scale; where it
///           is empty, codes are chosen with the scale as stored
///   error   throws nibble::error for parameters of another shape, a scale that its type does not hold, or a ragged row
///           under reject_tail
template <quantization_scheme S>
packed_tensor<storage_of<S>> quantize_at(cpu backend, matrix_view<float const> w, matrix_view<float const> scale,
                                         matrix_view<float const> zero = {}, matrix_view<float const> step = {}) {
    detail::learned_groups<S> const groups(backend, w, scale, zero, step);
    packed_tensor<storage_of<S>> packed(w.rows(), w.columns());
    for (std::size_t i = 0; i < scale.rows(); ++i) {
        for (std::size_t g = 0; g < scale.columns(); ++g) {
            std::size_t const row = i * groups.blocks().height();
            packed.set_scale(row, g, groups(row, g).scale, groups(row, g).zero);
        }
    }
    backend.parallel_for(w.rows(), [&](std::size_t begin, std::size_t end) {
        std::vector<std::uint8_t> codes(w.columns());
        for (std::size_t row = begin; row < end; ++row) {
            detail::vectorized([&] {
                groups.for_each_of_row(row, [&](auto values, auto const& p, std::size_t first) {
                    encode<S>(values, p, codes.data() + first);
                });
            });
            packed.set_codes(row, 0, codes);
        }
    });
    return packed;
}

/// What w becomes by being stored so:  dequantize(quantize_at<S>(w, ...)), bit for bit, without storing it.
///   error   throws as quantize_at does, but for reject_tail
template <quantization_scheme S>
matrix<float> fake_quantize_at(cpu backend, matrix_view<float const> w, matrix_view<float const> scale,
                               matrix_view<float const> zero = {}, matrix_view<float const> step = {}) {
    detail::learned_groups<S> const groups(backend, w, scale, zero, step);
    matrix<float> values(w.rows(), w.columns());
    backend.parallel_for(w.rows(), [&](std::size_t begin, std::size_t end) {
        for (std::size_t row = begin; row < end; ++row) {
            float* const to = values.row(row).data();
            detail::vectorized([&] {
                groups.for_each_of_row(
                    row, [&](auto part, auto const& p, std::size_t first) { fake_encode<S>(part, p, to + first); });
            });
        }
    });
    return values;
}

}  // namespace nibble
