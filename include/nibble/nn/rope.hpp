// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/nn/cpu/kernels.hpp>
#include <nibble/nn/cpu/layer_kernels.hpp>
#include <nibble/numeric/error.hpp>
#include <nibble/numeric/isa.hpp>
#include <nibble/tensor/backend.hpp>
#include <nibble/tensor/matrix.hpp>

#include <cmath>
#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace nibble {

/// Cosine and sine of angle(p, i) = p · base^(−2i / D) / factor for the positions p = first ... first + count − 1 and
/// i = 0 ... D / 2 − 1, D being the head size. Angle, cosine and sine are computed in double and rounded to float once,
/// so the last bit is that of the C library.
///   source  Su et al., arXiv:2104.09864; factor: Chen et al., arXiv:2306.15595
class rotation {
public:
    /// Throws nibble::error if head_dim is odd, or base or factor is not positive.
    rotation(std::size_t first, std::size_t count, std::size_t head_dim, double base, double factor = 1.0)
        : count_(count), head_dim_(head_dim) {
        if (head_dim % 2 != 0 || !(base > 0.0) || !(factor > 0.0)) {
            throw error("rotation got a head size of " + std::to_string(head_dim) + ", base " + std::to_string(base) +
                        " and factor " + std::to_string(factor) + "; the size has to be even, base and factor above 0");
        }
        detail::allocate([&] { fill(first, base, factor); },
                         [&] { return "the angles of " + std::to_string(count) + " positions"; });
    }

    std::size_t count() const { return count_; }
    std::size_t head_dim() const { return head_dim_; }
    /// For the token at position first + i: D / 2 values.
    std::span<float const> cosines(std::size_t i) const { return row(cosines_, i); }
    std::span<float const> sines(std::size_t i) const { return row(sines_, i); }

private:
    void fill(std::size_t first, double base, double factor) {
        std::size_t const half = head_dim_ / 2;
        std::vector<double> frequency(half);
        for (std::size_t i = 0; i < half; ++i) {
            frequency[i] = std::pow(base, -2.0 * static_cast<double>(i) / static_cast<double>(head_dim_)) / factor;
        }
        cosines_.reserve(count_ * half);
        sines_.reserve(count_ * half);
        for (std::size_t token = 0; token < count_; ++token) {
            for (double const f : frequency) {
                double const angle = static_cast<double>(first + token) * f;
                cosines_.push_back(static_cast<float>(std::cos(angle)));
                sines_.push_back(static_cast<float>(std::sin(angle)));
            }
        }
    }

    std::span<float const> row(std::vector<float> const& values, std::size_t i) const {
        return std::span(values).subspan(i * (head_dim_ / 2), head_dim_ / 2);
    }

    std::size_t count_;
    std::size_t head_dim_;
    std::vector<float> cosines_;
    std::vector<float> sines_;
};

/// Rotates the pairs (i, i + D / 2) of each head of token t by the angles of position first + t:
///   out_i = fma(x_i, c, −(x_j s)),  out_j = fma(x_j, c, x_i s),  j = i + D / 2
///   shape   x [tokens, heads · D]
///   error   2^-24 · 3.01 (|x_i| + |x_j|) for angles below 2^17: the rounded table, a product and a sum
/// Throws nibble::error if x has other than count() rows, or its rows are not whole heads.
inline void rotate(cpu where, matrix_view<float> x, rotation const& angles, isa set = best_isa()) {
    std::size_t const dim = angles.head_dim();
    if (x.rows() != angles.count() || (dim == 0 ? x.columns() != 0 : x.columns() % dim != 0)) {
        throw error("rotate got x of " + std::to_string(x.rows()) + " x " + std::to_string(x.columns()) +
                    " elements and angles of " + std::to_string(angles.count()) + " positions for heads of " +
                    std::to_string(dim) + "; a row is a position and holds whole heads");
    }
    if (x.columns() == 0) {
        return;
    }
    detail::layer_kernels const& kernels = detail::layers(set, "rotate");
    detail::for_ranges(where, x.rows(), x.columns(), [&](std::size_t begin, std::size_t end) {
        for (std::size_t token = begin; token < end; ++token) {
            kernels.rotate(x.row(token).data(), x.columns() / dim, dim, angles.cosines(token).data(),
                           angles.sines(token).data());
        }
    });
}

}  // namespace nibble
