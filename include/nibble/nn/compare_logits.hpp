// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/nn/cpu/kernels.hpp>
#include <nibble/nn/cpu/layer_kernels.hpp>
#include <nibble/numeric/error.hpp>
#include <nibble/numeric/isa.hpp>

#include <algorithm>
#include <cmath>
#include <span>
#include <string>

namespace nibble {

namespace detail {

inline tempered temper(layer_kernels const& kernels, std::span<float const> logits, float scale) {
    return {logits.data(), scale, -scale * kernels.largest(logits.data(), logits.size())};
}

/// KL(teacher || student) = Σ p ln(p / q), the weights' logarithms being fma(scale, l, shift) − ln total.
inline double divergence_of(divergence_sums const& sums, tempered const& teacher, tempered const& student) {
    double const moments = (sums.teacher_moment - sums.student_moment) / sums.teacher_total;
    double const shifts = static_cast<double>(teacher.shift) - static_cast<double>(student.shift);
    double const totals = std::log(sums.student_total) - std::log(sums.teacher_total);
    return std::fma(static_cast<double>(teacher.scale), moments, shifts) + totals;
}

}  // namespace detail

/// What a model's logits for one token have in common with those of a reference.
struct logits_comparison {
    double divergence;  ///< KL(reference || logits), in nats
    bool same_top;      ///< the first of the largest logits has the same index
};

/// Errors and edges as distillation_gradient at T = 1. Throws nibble::error if the sizes differ or are 0.
inline logits_comparison compare_logits(std::span<float const> reference, std::span<float const> logits,
                                        isa set = best_isa()) {
    if (reference.size() != logits.size() || logits.empty()) {
        throw error("compare_logits got " + std::to_string(reference.size()) + " logits of the reference and " +
                    std::to_string(logits.size()) + "; both are of one vocabulary");
    }
    detail::layer_kernels const& kernels = detail::layers(set, "compare_logits");
    detail::tempered const p = detail::temper(kernels, reference, 1.0f);
    detail::tempered const q = detail::temper(kernels, logits, 1.0f);
    auto const top = [](std::span<float const> row, float largest) {
        return std::ranges::find(row, largest) - row.begin();
    };
    return {detail::divergence_of(kernels.divergence(p, q, logits.size()), p, q),
            top(reference, -p.shift) == top(logits, -q.shift)};
}

}  // namespace nibble
