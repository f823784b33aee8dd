// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/gemma3/export.hpp>
#include <nibble/gemma3/tensor_names.hpp>
#include <nibble/gemma3/trained_model.hpp>
#include <nibble/gemma3/trained_recipe.hpp>
#include <nibble/gemma3/vocabulary.hpp>
#include <nibble/nn/recipe.hpp>
#include <nibble/nn/trained_as.hpp>
#include <nibble/nn/trained_scheme.hpp>
#include <nibble/nn/trained_weight.hpp>
#include <nibble/numeric/error.hpp>
#include <nibble/quantize/options.hpp>
#include <nibble/scheme/compose.hpp>
#include <nibble/tensor/backend.hpp>
#include <nibble/tensor/matrix.hpp>
#include <nibble/tensor/packed_tensor.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <variant>

namespace nibble::gemma3 {

namespace detail {

/// Rows of a model in training, and its matrices of learned parameters as these have them.
class trained_rows {
public:
    trained_rows(cpu where, trained_model const& m) : where_(where) {
        for_each_parameter([&](auto const& entry, std::uint32_t layer,
                               auto const& parameter) { parameters_.emplace(gguf_name(entry, layer), &parameter); },
                           m.parameters);
    }

    template <class Role>
    void operator()(tensor_entry<Role> const& entry, std::uint32_t layer, std::size_t first,
                    matrix<float>& chunk) const {
        float const* const from = std::visit(
            [&](auto const* parameter) -> float const* {
                if constexpr (requires { parameter->values; }) {
                    return parameter->values.row(first).data();
                } else {
                    return parameter->data();
                }
            },
            parameters_.at(gguf_name(entry, layer)));
        std::copy_n(from, chunk.rows() * chunk.columns(), chunk.data());
    }

    template <class S, class Role>
        requires(quantization_scheme<S> && !rounds_at_random<S>)
    packed_tensor<storage_of<S>> packed(tensor_entry<Role> const& entry, std::uint32_t layer,
                                        quantize_statistics& counted) const {
        auto const& w = *std::get<trained_matrix const*>(parameters_.at(gguf_name(entry, layer)));
        return nibble::detail::trained_scheme<S>::pack(where_, w.values, w.learned, {}, {.statistics = &counted});
    }

private:
    cpu where_;
    std::map<std::string, std::variant<trained_matrix const*, std::vector<float> const*>> parameters_;
};

template <class T>
void require_trained_as(trained_format const& format, char const* role) {
    if (&format != &trained_as<T> && &format != trained_choice<T, true>()) {
        throw error("The " + std::string(role) + " of the model is trained as " + format.name() +
                    " and was to be written as " + choice_name<T>() +
                    "; export it under the recipe it was trained for.");
    }
}

}  // namespace detail

/// Writes a model in training as the GGUF file that serves it: each matrix under the scheme that it was trained under,
/// with exactly the codes and scales that its next step would see, learned ones too, its activations, and what it keeps
/// keys and values as.
/// Throws nibble::error where `Recipe` is not that of the model, else as write_gguf.
template <auto Recipe>
export_statistics export_trained(cpu where, std::filesystem::path const& path, trained_model const& m,
                                 vocabulary const& words, export_options options = {}) {
    detail::require_trained_as<scheme_for<Recipe, role::embedding>>(*m.recipe.embedding, "embedding");
    detail::require_trained_as<scheme_for<Recipe, role::attention>>(*m.recipe.attention, "attention");
    detail::require_trained_as<scheme_for<Recipe, role::mlp>>(*m.recipe.mlp, "mlp");
    options.activations = m.recipe.activations;
    options.kv_type = m.recipe.kv_type;
    detail::trained_rows rows(where, m);
    return write_gguf<Recipe>(where, path, m.config, words, rows, options);
}

}  // namespace nibble::gemma3
