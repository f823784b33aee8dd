// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/gemma3/checkpoint.hpp>
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

/// Rows of the tensors of a checkpoint, by their names in GGUF.
template <class List>
class checkpoint_rows {
public:
    explicit checkpoint_rows(checkpoint const& source) : source_(source) {
        for_each_parameter([this](auto const& entry, std::uint32_t layer,
                                  stored_tensor const& t) { tensors_.emplace(gguf_name(entry, layer), &t); },
                           source.tensors());
        if (source.head() != nullptr) {
            tensors_.emplace(gguf_name(output_entry), source.head());
        }
    }

    template <class Role>
    void operator()(tensor_entry<Role> const& entry, std::uint32_t layer, std::size_t first,
                    matrix<float>& chunk) const {
        stored_tensor const& t = *tensors_.at(gguf_name(entry, layer));
        if constexpr (!tensor_entry<Role>::is_matrix) {
            auto const factors = source_.norm(t);
            std::copy(factors.begin(), factors.end(), chunk.data());
        } else {
            with_view<List>(t, [&](auto const& view) {
                for (std::size_t row = 0; row < chunk.rows(); ++row) {
                    decode_row(view, first + row, 0, chunk.row(row));
                }
            });
            source_.drop(t.bytes_of_rows(first, first + chunk.rows()));
        }
    }

private:
    checkpoint const& source_;
    std::map<std::string, stored_tensor const*> tensors_;
};

inline void require_words(checkpoint const& source) {
    if (source.words() == nullptr) {
        throw error("The checkpoint has no tokenizer, which a GGUF file needs; put tokenizer.model or tokenizer.json " +
                    std::string("beside it."));
    }
}

/// write_gguf of what `rows` makes of a checkpoint, with what the options leave out taken from the source.
template <auto Recipe, class Rows>
export_statistics write_checkpoint(cpu where, checkpoint const& source, std::filesystem::path const& path, Rows&& rows,
                                   export_options options) {
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
    return write_gguf<Recipe>(where, path, source.config(), *source.words(), rows, options);
}

}  // namespace detail

/// Writes the model of a checkpoint under a recipe, as write_gguf does, row by row: neither model lies in memory. A
/// head of its own stays one. Of a GGUF file the name and the chat template are kept, unless the options have others.
/// `List` names the storages that its matrices may have. Throws nibble::error where no tokenizer lies beside the
/// checkpoint.
template <auto Recipe, class List = known_storages>
export_statistics quantize_checkpoint(cpu where, checkpoint const& source, std::filesystem::path const& path,
                                      export_options const& options = {}) {
    detail::require_words(source);
    return detail::write_checkpoint<Recipe>(where, source, path, detail::checkpoint_rows<List>(source), options);
}

}  // namespace nibble::gemma3
