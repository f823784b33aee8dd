// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/quantize/scale_blocks.hpp>
#include <nibble/quantize/store_scale.hpp>
#include <nibble/scheme/rules/trial.hpp>
#include <nibble/scheme/scale.hpp>
#include <nibble/tensor/backend.hpp>
#include <nibble/tensor/matrix.hpp>

#include <cstddef>
#include <span>
#include <vector>

namespace nibble {

/// Where a learned step begins:  s = max|w| / high  over the elements that share it, which clips none; where high < 3,
/// as in 2 bits, of  t · max|w| / high,  t = 1/64 … 64/64,  the one of least  Σ (w − ŵ)²  of the positive ones.
///   shape   w [rows, columns] -> [scale rows, groups], as gradient_matrices has them; 0 for zeros
///   note    LSQ begins at 2 · mean|w| / √high (Esser et al., "Learned Step Size Quantization", ICLR 2020, 2.1), which
///           clips more than tens of steps mend: it is made for thousands
template <quantization_scheme S>
    requires(S::is_symmetric)
matrix<float> initial_step(cpu backend, matrix_view<float const> w) {
    [[maybe_unused]] constexpr int positions = 64;
    detail::scale_blocks<S> const blocks{w.rows(), w.columns()};
    matrix<float> steps(blocks.scale_rows(), blocks.groups());
    backend.parallel_for(steps.rows(), [&](std::size_t begin, std::size_t end) {
        std::vector<float> group;
        for (std::size_t i = begin; i < end; ++i) {
            for (std::size_t g = 0; g < steps.columns(); ++g) {
                group.clear();
                for (std::size_t k = 0; k < blocks.rows_of(i); ++k) {
                    auto const part = w.row(i * blocks.height() + k).subspan(g * blocks.width(), blocks.columns_of(g));
                    group.insert(group.end(), part.begin(), part.end());
                }
                auto const range = detail::range_of_group<S>({group, {}});
                if (range.extreme == 0.0f) {
                    continue;
                }
                auto const whole = static_cast<double>(absmax_over_qmax::scale(range, S::low, S::high));
                if constexpr (S::high >= 3.0f) {
                    steps(i, g) = detail::to_scale(whole);
                } else {
                    detail::best_fit<S> best({group, {}});
                    for (int t = positions; t >= 1; --t) {
                        best.take({detail::to_scale(whole * t / positions), 0.0f});
                    }
                    steps(i, g) = best.fit().scale;
                }
            }
        }
    });
    return steps;
}

/// After an update, a learned step below `least` becomes `least`: one that went to zero or below would turn the grid
/// over. log2_step needs no such care.
inline void keep_positive(matrix_view<float> steps, float least = 1e-5f) {
    for (float& s : std::span(steps.data(), steps.rows() * steps.columns())) {
        s = s >= least ? s : least;
    }
}

}  // namespace nibble
