// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/gemma3/configuration.hpp>
#include <nibble/gemma3/tensor_names.hpp>
#include <nibble/gemma3/trained_parameters.hpp>
#include <nibble/gemma3/trained_recipe.hpp>
#include <nibble/tensor/backend.hpp>

#include <cstdint>
#include <utility>

namespace nibble::gemma3 {

/// A Gemma 3 in training; its head is its embedding.
struct trained_model {
    configuration config;
    trained_recipe recipe;
    trained_parameters parameters;
};

/// A model to train under a recipe, its learned scales as the weights suggest them.
inline trained_model make_trained(cpu where, configuration const& c, trained_recipe const& recipe,
                                  trained_parameters parameters) {
    for_each_parameter(
        [&](auto const& entry, std::uint32_t, auto& parameter) {
            if constexpr (requires { parameter.values; }) {
                parameter.learned = format_of(recipe, entry).initial(where, parameter.values);
            }
        },
        parameters);
    return {c, recipe, std::move(parameters)};
}

}  // namespace nibble::gemma3
