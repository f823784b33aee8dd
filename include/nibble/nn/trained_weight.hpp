// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/nn/linear.hpp>
#include <nibble/nn/seen_weight.hpp>
#include <nibble/numeric/random.hpp>
#include <nibble/tensor/backend.hpp>
#include <nibble/tensor/matrix.hpp>

#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace nibble {

/// What a scheme with learned parameters has beside the weights, or their gradients: [scale rows, groups] each. What
/// the scheme's gradient policy does not learn is empty.
struct learned_parameters {
    matrix<float> scale;
    matrix<float> step;  ///< of a dual scale
    matrix<float> zero;
};

/// A matrix in training, or its gradient, or the state that an optimizer keeps for it.
struct trained_matrix {
    matrix<float> values;  ///< [n, k], as an optimizer moves them; of gradients those of the loss
    learned_parameters learned{};
    std::uint32_t number = 0;  ///< among the tensors of the model; tells its random bits from others'
};

/// The key of a matrix in a step: `step` with the number of the matrix.
constexpr random_key key_of(random_key step, trained_matrix const& w) { return {step.seed, step.step, w.number}; }

/// How a matrix is stored, as its training sees it: what products see is made by the code that packs the matrix. There
/// is one object a type, so that what trains is compiled once, whatever the recipe.
///   key  draws the bits of stochastic rounding; within a step it is the same for all calls of a matrix
struct trained_format {
    std::string (*name)();

    /// Learned parameters to begin with.
    learned_parameters (*initial)(cpu where, matrix_view<float const> w);

    /// ŵ, which is not to outlive w. Its products are dense where activations are f32; else they are those of the
    /// kernel that serves the packed matrix, with its bits.
    std::unique_ptr<seen_weight> (*see)(cpu where, activation_kind kind, trained_matrix const& w, random_key key);

    /// Rows ids[t] of ŵ, t by t.
    void (*rows)(cpu where, trained_matrix const& w, std::span<std::uint32_t const> ids, random_key key,
                 matrix_view<float> to);

    /// What products see of x: a view of `scratch` or of x itself.
    matrix_view<float const> (*activations)(cpu where, activation_kind kind, matrix_view<float const> x,
                                            matrix<float>& scratch);

    /// The gradient of ŵ becomes that of w and of what is learned, by the scheme's policy.
    void (*differentiate)(cpu where, trained_matrix const& w, random_key key, trained_matrix& gradient);
};

}  // namespace nibble
