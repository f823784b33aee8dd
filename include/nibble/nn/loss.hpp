// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/nn/compare_logits.hpp>  // divergence_of
#include <nibble/nn/cpu/kernels.hpp>
#include <nibble/nn/cpu/layer_kernels.hpp>
#include <nibble/numeric/error.hpp>
#include <nibble/numeric/isa.hpp>
#include <nibble/tensor/backend.hpp>
#include <nibble/tensor/matrix.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <span>
#include <string>
#include <vector>

namespace nibble {

/// As a target: the row has no loss and no gradient.
inline constexpr std::uint32_t no_target = 0xffffffff;

namespace detail {

inline void check_targets(char const* function, matrix_view<float const> logits,
                          std::span<std::uint32_t const> targets) {
    if (targets.size() != logits.rows()) {
        throw error(std::string(function) + " got " + std::to_string(logits.rows()) + " rows of logits and " +
                    std::to_string(targets.size()) + " targets; each row has one, or no_target");
    }
    for (std::size_t i = 0; i < targets.size(); ++i) {
        if (targets[i] >= logits.columns() && targets[i] != no_target) {
            throw error(std::string(function) + " got target " + std::to_string(targets[i]) + " for row " +
                        std::to_string(i) + " of " + std::to_string(logits.columns()) +
                        " logits; the target is the index of a logit, or no_target");
        }
    }
}

/// Σ loss(row) over the rows with a target, in sequence; zeros in the others.
template <class Loss>
double sum_over_rows(cpu where, matrix_view<float> logits, std::span<std::uint32_t const> targets, Loss const& loss) {
    std::vector<double> losses(logits.rows());
    for_ranges(where, logits.rows(), logits.columns(), [&](std::size_t begin, std::size_t end) {
        for (std::size_t i = begin; i < end; ++i) {
            if (targets[i] != no_target) {
                losses[i] = loss(i);
            } else {
                std::ranges::fill(logits.row(i), 0.0f);
            }
        }
    });
    return std::accumulate(losses.begin(), losses.end(), 0.0);
}

}  // namespace detail

/// Σ over rows r with a target of cross_entropy(logits[r], targets[r]), in nats; the logits are overwritten with their
/// gradient, times factor (1 / rows for a mean):  factor · (p − [c = target]),  p = softmax(logits).
///   order   the losses of the rows in sequence
///   error   u = 2^-24, a = l − max, n logits: the loss of a row as cross_entropy; u |factor| p (6.1 + |a| + ln n) off
///           the target, and there the sum of these over the others, + u |gradient|. Weights below 2^-126 count as 0.
///   edges   as cross_entropy
/// Throws nibble::error for a target that is not the index of a logit, before anything is written.
inline double cross_entropy_gradient(cpu where, matrix_view<float> logits, std::span<std::uint32_t const> targets,
                                     float factor, isa set = best_isa()) {
    detail::check_targets("cross_entropy_gradient", logits, targets);
    detail::layer_kernels const& kernels = detail::layers(set, "cross_entropy_gradient");
    return detail::sum_over_rows(where, logits, targets, [&](std::size_t i) {
        auto const row = logits.row(i);
        float& target = row[targets[i]];
        float const logit = target;
        float const largest = kernels.largest(row.data(), row.size());
        double const sum = kernels.sum_of_exp(row.data(), row.size(), largest);
        double const weight = kernels.sum_of_exp(&logit, 1, largest);
        auto const wide = static_cast<double>(factor);
        kernels.cross_entropy_backward(row.data(), row.size(), largest, static_cast<float>(wide / sum));
        target =
            static_cast<float>(wide * ((weight - sum) / sum));  // the others' weights: no digits are lost near p = 1
        return std::log(sum) + (static_cast<double>(largest) - static_cast<double>(logit));
    });
}

/// Σ over rows with a target of T² KL(p || q) in nats, p = softmax(s · teacher), q = softmax(s · logits), s being 1 / T
/// rounded to float; the logits are overwritten with their gradient, times factor:  factor · T (q − p). The targets
/// only say which rows count.
///   order   the losses of the rows in sequence, the sums of a row in double
///   error   u = 2^-24, a = s (l − max), n logits. Of a row's loss: T² u (4.1 + 2 ln n + Σ p (4.1 + |a| + ln n)
///           |ln(p / q)|), nothing where the rows are equal; of the gradient: u |factor| T times the sum of
///           p (7.1 + |a| + ln n) and the same of q. Weights below 2^-126 count as 0.
///   edges   NaN where a logit of the row is not finite
///   source  Hinton, Vinyals and Dean, arXiv:1503.02531
/// Throws nibble::error if shapes disagree or the temperature is not above 0, before anything is written.
inline double distillation_gradient(cpu where, matrix_view<float> logits, matrix_view<float const> teacher,
                                    std::span<std::uint32_t const> targets, float temperature, float factor,
                                    isa set = best_isa()) {
    detail::check_targets("distillation_gradient", logits, targets);
    if (teacher.rows() != logits.rows() || teacher.columns() != logits.columns()) {
        throw error("distillation_gradient got logits of " + std::to_string(logits.rows()) + " x " +
                    std::to_string(logits.columns()) + " elements and a teacher's of " +
                    std::to_string(teacher.rows()) + " x " + std::to_string(teacher.columns()) +
                    "; both are of the same tokens and vocabulary");
    }
    float const scale = 1.0f / temperature;
    if (!(temperature > 0.0f) || !std::isnormal(scale)) {
        throw error("distillation_gradient got a temperature of " + std::to_string(temperature) +
                    "; it has to be above 0, and its inverse a float; 1 keeps the probabilities");
    }
    detail::layer_kernels const& kernels = detail::layers(set, "distillation_gradient");
    double const square = static_cast<double>(temperature) * static_cast<double>(temperature);
    double const slope = static_cast<double>(factor) * static_cast<double>(temperature);
    return detail::sum_over_rows(where, logits, targets, [&](std::size_t i) {
        auto const row = logits.row(i);
        detail::tempered const p = detail::temper(kernels, teacher.row(i), scale);
        detail::tempered const q = detail::temper(kernels, row, scale);
        detail::divergence_sums const sums = kernels.divergence(p, q, row.size());
        kernels.divergence_backward(p, static_cast<float>(slope / sums.teacher_total), q,
                                    static_cast<float>(slope / sums.student_total), row.size(), row.data());
        return square * detail::divergence_of(sums, p, q);
    });
}

}  // namespace nibble
