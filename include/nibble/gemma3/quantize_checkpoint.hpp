// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/gemma3/checkpoint.hpp>
#include <nibble/gemma3/checkpoint_rows.hpp>
#include <nibble/gemma3/export.hpp>
#include <nibble/gemma3/tensor_names.hpp>
#include <nibble/io/gguf_value.hpp>
#include <nibble/io/stored_tensor.hpp>
#include <nibble/numeric/error.hpp>
#include <nibble/tensor/backend.hpp>
#include <nibble/tensor/matrix.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace nibble::gemma3 {

namespace detail {

inline void require_words(checkpoint const& source) {
    if (source.words() == nullptr) {
        throw error("The checkpoint has no tokenizer, which a GGUF file needs; put tokenizer.model or tokenizer.json " +
                    std::string("beside it."));
    }
}

/// write_gguf of what `rows` makes of a checkpoint, with what the options leave out taken from the source. `floats` are
/// the rows that `rows` starts from.
template <auto Recipe, class Rows, class List>
export_statistics write_checkpoint(cpu where, checkpoint const& source, std::filesystem::path const& path, Rows& rows,
                                   checkpoint_rows<List> const& floats, export_options options) {
    std::vector<gguf_value> pairs(options.pairs.begin(), options.pairs.end());
    if (source.gguf() != nullptr) {
        auto const keep = [&](std::string_view key) {
            auto const* value = source.gguf()->find(key);
            if (value != nullptr && std::ranges::find(pairs, key, &gguf_value::key) == pairs.end()) {
                pairs.push_back(*value);
            }
        };
        if (options.name.empty()) {
            keep("general.name");
        }
        keep("tokenizer.chat_template");
    }
    options.pairs = pairs;
    options.untied_head = source.head() != nullptr;
    auto statistics = write_gguf<Recipe>(where, path, source.config(), *source.words(), rows, options);
    statistics.requantized = floats.relative_rms();
    return statistics;
}

}  // namespace detail

/// Writes the model of a checkpoint under a recipe, as write_gguf does, row by row: neither model lies in memory. A
/// head of its own stays one. Of a GGUF file the name and the chat template are kept, unless the options have others.
/// A matrix of codes keeps them, bit for bit, where the recipe has its storage; where not, it is an error unless the
/// options allow the loss. `List` names the storages that its matrices may have. Throws nibble::error where no
/// tokenizer lies beside the checkpoint.
template <auto Recipe, class List = known_storages>
export_statistics quantize_checkpoint(cpu where, checkpoint const& source, std::filesystem::path const& path,
                                      export_options const& options = {}) {
    detail::require_words(source);
    detail::checkpoint_rows<List> rows(source);
    if (!options.allow_loss) {
        detail::require_lossless<Recipe>(source, rows, []<class>() { return false; });
    }
    return detail::write_checkpoint<Recipe>(where, source, path, rows, rows, options);
}

}  // namespace nibble::gemma3
