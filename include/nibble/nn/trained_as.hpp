// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/nn/trained_floats.hpp>
#include <nibble/nn/trained_scheme.hpp>
#include <nibble/nn/trained_weight.hpp>
#include <nibble/scheme/compose.hpp>
#include <nibble/scheme/gradient.hpp>

namespace nibble {

namespace detail {

template <class T>
struct training_of : trained_floats<T> {};
template <quantization_scheme S>
struct training_of<S> : trained_scheme<S> {};

}  // namespace detail

/// Whether `with_learned_scale<S>` trains: S is symmetric, a scale is one number, and codes are the nearest under it.
template <class S>
inline constexpr bool has_learnable_scale = [] {
    if constexpr (quantization_scheme<S>) {
        return S::is_symmetric && detail::takes_learned_scales<S>;
    } else {
        return false;
    }
}();

/// S with scales that are learned: Esser et al., "Learned Step Size Quantization", ICLR 2020.
template <quantization_scheme S>
using with_learned_scale = with_gradient<S, learned_step<clip_strict, normalised_per_step>>;

/// The format of what a recipe says: a scheme, float, f16 or bf16.
template <class T>
inline constexpr trained_format trained_as{
    .name = &detail::training_of<T>::name,
    .initial = &detail::training_of<T>::initial,
    .see = &detail::training_of<T>::see,
    .rows = &detail::training_of<T>::rows,
    .activations = &detail::training_of<T>::activations,
    .differentiate = &detail::training_of<T>::differentiate,
};

}  // namespace nibble
