// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/tensor/backend.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <vector>

namespace nibble {

namespace detail {

/// Σ x² in double: in eight sums by index mod 8, then these in sequence. Squares of floats are exact in double, so it
/// makes no difference whether a compiler contracts them with the sum.
inline double squares_of(std::span<float const> x) {
    constexpr std::size_t ways = 8;
    double sums[ways] = {};
    for (std::size_t i = 0; i + ways <= x.size(); i += ways) {
#pragma GCC unroll 8
        for (std::size_t lane = 0; lane < ways; ++lane) {
            double const value = static_cast<double>(x[i + lane]);
            sums[lane] += value * value;
        }
    }
    double sum = 0;
    for (std::size_t lane = 0; lane < ways; ++lane) {
        std::size_t const last = x.size() / ways * ways + lane;
        double const value = last < x.size() ? static_cast<double>(x[last]) : 0.0;
        sum += sums[lane] + value * value;
    }
    return sum;
}

/// The tensors in pieces of at most 65,536 elements, in order.
template <class T>
std::vector<std::span<T>> pieces_of(std::span<std::span<T> const> tensors) {
    constexpr std::size_t limit = 65536;
    std::vector<std::span<T>> pieces;
    for (std::span<T> const tensor : tensors) {
        for (std::size_t first = 0; first < tensor.size(); first += limit) {
            pieces.push_back(tensor.subspan(first, (std::min)(limit, tensor.size() - first)));
        }
    }
    return pieces;
}

template <class T>
double norm_of(cpu where, std::span<std::span<T> const> tensors) {
    auto const pieces = pieces_of(tensors);
    std::vector<double> sums(pieces.size());
    where.parallel_for(pieces.size(), [&](std::size_t begin, std::size_t end) {
        for (std::size_t i = begin; i < end; ++i) {
            sums[i] = squares_of(pieces[i]);
        }
    });
    double sum = 0;
    for (double const piece : sums) {
        sum += piece;
    }
    return std::sqrt(sum);
}

}  // namespace detail

/// √(Σ x²) over all elements of all tensors, by pieces of 65,536 elements whose sums are added in sequence: the same
/// bits for any number of threads.
///   error   relative (8,200 + the number of pieces) · 2^-54 + 2^-53: at most 8,192 + 9 additions in a piece, halved by
///           the root
///   edges   finite for finite gradients, however large; not finite where any gradient is not. Such a step has to be
///           skipped.
inline double global_norm(cpu where, std::span<std::span<float const> const> tensors) {
    return detail::norm_of(where, tensors);
}
inline double global_norm(cpu where, std::span<std::span<float> const> tensors) {
    return detail::norm_of(where, tensors);
}

/// What makes gradients of this norm no longer than `limit`: limit / norm where that is less than 1, else 1.
inline float clip_factor(double norm, double limit) { return norm > limit ? static_cast<float>(limit / norm) : 1.0f; }

/// x = factor · x for each element.
inline void scale_gradients(cpu where, std::span<std::span<float> const> tensors, float factor) {
    auto const pieces = detail::pieces_of(tensors);
    where.parallel_for(pieces.size(), [&](std::size_t begin, std::size_t end) {
        for (std::size_t i = begin; i < end; ++i) {
            for (float& x : pieces[i]) {
                x *= factor;
            }
        }
    });
}

}  // namespace nibble
