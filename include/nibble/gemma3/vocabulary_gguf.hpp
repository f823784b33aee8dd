// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/gemma3/vocabulary.hpp>
#include <nibble/io/gguf.hpp>
#include <nibble/io/gguf_writer.hpp>
#include <nibble/numeric/error.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace nibble::gemma3 {

namespace detail {

inline gguf_value const& token_array(gguf_file const& file, std::string_view key, gguf_type element,
                                     std::uint64_t count) {
    auto const& value = file.at(key);
    if (value.type != gguf_type::array || value.element != element || value.count != count) {
        throw error("metadata key '" + std::string(key) + "' at byte " + std::to_string(value.offset) +
                    " is no array of the type that it should have with " + std::to_string(count) +
                    " elements, one for each token; convert the model again");
    }
    return value;
}

}  // namespace detail

/// The vocabulary in the metadata of a GGUF file (tokenizer.ggml.*). Ids that the file does not state are Gemma's.
///   error  nibble::error for arrays that are missing, of another type or of unequal length, another tokenizer model,
///          and all that vocabulary refuses
inline vocabulary vocabulary_from(gguf_file const& file) {
    auto const model = file.at("tokenizer.ggml.model").as_string();
    if (model != "llama") {
        throw error("metadata key 'tokenizer.ggml.model' is '" + std::string(model.substr(0, 80)) +
                    "'; Gemma 3 has a SentencePiece vocabulary, which is called 'llama' there");
    }
    auto const& tokens = file.at("tokenizer.ggml.tokens");
    auto const texts = tokens.as_strings();
    auto const& score_values = detail::token_array(file, "tokenizer.ggml.scores", gguf_type::f32, texts.size());
    auto const& kind_values = detail::token_array(file, "tokenizer.ggml.token_type", gguf_type::i32, texts.size());
    std::vector<float> scores(texts.size());
    std::vector<token_kind> kinds(texts.size());
    for (std::size_t i = 0; i < texts.size(); ++i) {
        scores[i] = static_cast<float>(score_values[i].as_float());
        auto const kind = kind_values[i].as_int();
        kinds[i] = static_cast<token_kind>(kind < 0 || kind > 255 ? 0 : kind);  // 0 is refused by vocabulary
    }
    vocabulary_options options;
    auto const read_id = [&](std::string_view name, std::optional<std::uint32_t>& id) {
        if (auto const* value = file.find("tokenizer.ggml." + std::string(name) + "_token_id")) {
            auto const number = value->as_uint();
            id = static_cast<std::uint32_t>(
                std::min<std::uint64_t>(number, (std::numeric_limits<std::uint32_t>::max)()));
        } else if (*id >= texts.size()) {
            id.reset();
        }
    };
    read_id("bos", options.bos);
    read_id("eos", options.eos);
    read_id("unknown", options.unk);
    read_id("padding", options.pad);
    if (auto const* value = file.find("tokenizer.ggml.add_bos_token")) {
        options.add_bos = value->as_bool();
    }
    if (auto const* value = file.find("tokenizer.ggml.add_space_prefix")) {
        options.add_space_prefix = value->as_bool();
    }
    return {std::vector<std::string>(texts.begin(), texts.end()), std::move(scores), std::move(kinds), options};
}

/// Adds the metadata that vocabulary_from reads.
inline void add_vocabulary(gguf_writer& writer, vocabulary const& words) {
    std::vector<std::string_view> texts;
    std::vector<float> scores;
    std::vector<std::int32_t> kinds;
    for (std::uint32_t id = 0; id < words.size(); ++id) {
        texts.emplace_back(words.piece(id));
        scores.push_back(words.score(id));
        kinds.push_back(static_cast<std::int32_t>(words.kind(id)));
    }
    writer.add("tokenizer.ggml.model", std::string_view("llama"));
    writer.add("tokenizer.ggml.pre", std::string_view("default"));
    writer.add("tokenizer.ggml.tokens", std::span<std::string_view const>(texts));
    writer.add("tokenizer.ggml.scores", std::span<float const>(scores));
    writer.add("tokenizer.ggml.token_type", std::span<std::int32_t const>(kinds));
    auto const& options = words.options();
    auto const add_id = [&](std::string_view name, std::optional<std::uint32_t> id) {
        if (id) {
            writer.add("tokenizer.ggml." + std::string(name) + "_token_id", *id);
        }
    };
    add_id("bos", options.bos);
    add_id("eos", options.eos);
    add_id("unknown", options.unk);
    add_id("padding", options.pad);
    writer.add("tokenizer.ggml.add_bos_token", options.add_bos);
    writer.add("tokenizer.ggml.add_eos_token", false);
    writer.add("tokenizer.ggml.add_space_prefix", options.add_space_prefix);
}

}  // namespace nibble::gemma3
