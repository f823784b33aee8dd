// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/gemma3/configuration.hpp>
#include <nibble/gemma3/tensor_names.hpp>
#include <nibble/gemma3/tokenizer.hpp>
#include <nibble/nn/attention.hpp>
#include <nibble/nn/linear.hpp>
#include <nibble/tensor/any_weight.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace nibble::gemma3 {

/// A Gemma 3 in memory, ready to run. W is the type of a weight matrix: any_weight for what comes from a file, or one
/// type for all.
template <class W = any_weight>
struct model {
    using weight_type = W;

    configuration config;
    model_parameters<W, std::vector<float>> parameters;  ///< norms hold 1 + w
    std::optional<W> head;                               ///< where it is not the embedding
    std::optional<tokenizer> words;                      ///< none where the files have none
    std::vector<std::uint32_t> end_ids;                  ///< of a text or a turn
    activation_kind activations = activation_kind::f32;
    nibble::kv_type kv_type = nibble::kv_type::f32;  ///< what caches made for the model keep

    W const& head_weight() const { return head ? *head : parameters.token_embd; }
};

/// Bytes of all matrices and norms in memory.
template <class W>
std::size_t weight_bytes(model<W> const& m) {
    std::size_t bytes = m.head ? bytes_of(*m.head) : 0;
    for_each_parameter(
        [&](auto entry, std::uint32_t, auto const& parameter) {
            if constexpr (entry.is_matrix) {
                bytes += bytes_of(parameter);
            } else {
                bytes += parameter.size() * sizeof(float);
            }
        },
        m.parameters);
    return bytes;
}

}  // namespace nibble::gemma3
