// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/gemma3/configuration.hpp>
#include <nibble/gemma3/tensor_names.hpp>
#include <nibble/nn/trained_weight.hpp>
#include <nibble/tensor/matrix.hpp>

#include <algorithm>
#include <concepts>
#include <cstdint>
#include <span>
#include <type_traits>
#include <vector>

namespace nibble::gemma3 {

/// Parameters, gradients or optimizer state of a model in training. Norms are 1 + w.
using trained_parameters = model_parameters<trained_matrix, std::vector<float>>;

/// What a run of numbers in training is.
enum class trained_kind : std::uint8_t {
    weights,  ///< the values of a matrix
    learned,  ///< of its quantizer
    norm      ///< factors
};

/// f(kind, span...) for each run of numbers of models alike, in the order of a file: of a matrix its values and then
/// what is learned.
template <class F, class... Models>
void for_each_run(F&& f, Models&... models) {
    auto const span_of = [](auto& m) { return std::span(m.data(), m.rows() * m.columns()); };
    for_each_parameter(
        [&](auto const&, std::uint32_t, auto&... parameter) {
            if constexpr ((requires { parameter.values; } && ...)) {
                f(trained_kind::weights, span_of(parameter.values)...);
                f(trained_kind::learned, span_of(parameter.learned.scale)...);
                f(trained_kind::learned, span_of(parameter.learned.step)...);
                f(trained_kind::learned, span_of(parameter.learned.zero)...);
            } else {
                f(trained_kind::norm, std::span(parameter)...);
            }
        },
        models...);
}

/// Zeros in the shape of a configuration, the matrices numbered in the order of a file.
inline trained_parameters zero_parameters(configuration const& c) {
    trained_parameters p;
    p.blocks.resize(c.layers);
    std::uint32_t number = 0;
    for_each_parameter(
        [&](auto const& entry, std::uint32_t, auto& parameter) {
            if constexpr (std::same_as<std::remove_cvref_t<decltype(parameter)>, trained_matrix>) {
                parameter.values = matrix<float>(entry.rows(c), entry.columns(c));
                parameter.number = number;
            } else {
                parameter.assign(entry.columns(c), 0.0f);
            }
            ++number;
        },
        p);
    return p;
}

/// Parameters as rows(entry, layer, first row, chunk) fills them, as write_gguf asks for: random_rows, for example.
template <class Rows>
trained_parameters parameters_from(configuration const& c, Rows const& rows) {
    auto p = zero_parameters(c);
    for_each_parameter(
        [&](auto const& entry, std::uint32_t layer, auto& parameter) {
            if constexpr (requires { parameter.values; }) {
                rows(entry, layer, 0, parameter.values);
            } else {
                matrix<float> row(1, parameter.size());
                rows(entry, layer, 0, row);
                std::copy_n(row.data(), parameter.size(), parameter.data());
            }
        },
        p);
    return p;
}

}  // namespace nibble::gemma3
