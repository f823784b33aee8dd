// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/gemma3/configuration.hpp>
#include <nibble/gemma3/layer_pattern.hpp>
#include <nibble/io/json_fields.hpp>
#include <nibble/numeric/error.hpp>

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace nibble::gemma3 {

namespace detail {

inline std::uint32_t json_count(json_field const& field) {
    std::int64_t const count = field.as_integer();
    if (count < 0 || count > (std::numeric_limits<std::uint32_t>::max)()) {
        throw error("JSON: " + field.path() + " is " + std::to_string(count) + "; it must be 0 to 2^32 - 1");
    }
    return static_cast<std::uint32_t>(count);
}

/// The field, or null where it is absent or says null.
template <class... Segments>
json_field const* stated(json_field const& from, Segments const&... path) {
    auto const* field = from.find(path...);
    return field == nullptr || field->is_null() ? nullptr : field;
}

inline std::uint32_t json_count(json_field const& from, char const* name, std::uint32_t otherwise) {
    auto const* field = stated(from, name);
    return field == nullptr ? otherwise : json_count(*field);
}

inline float json_number(json_field const& from, char const* name, float otherwise) {
    auto const* field = stated(from, name);
    return field == nullptr ? otherwise : static_cast<float>(field->as_number());
}

inline void expect_text(json_field const& from, char const* name, std::string_view expected) {
    auto const* field = stated(from, name);
    if (field != nullptr && field->as_string() != expected) {
        throw error("JSON: " + field->path() + " is '" + std::string(field->as_string().substr(0, 80)) + "'; only '" +
                    std::string(expected) + "' can be run");
    }
}

inline void expect_flag(json_field const& from, char const* name, bool expected) {
    auto const* field = stated(from, name);
    if (field != nullptr && field->as_bool() != expected) {
        throw error("JSON: " + field->path() + " is " + (expected ? "false" : "true") + "; Gemma 3 has it " +
                    (expected ? "true" : "false"));
    }
}

/// What positions are divided by: the factor of linear scaling, 1 without scaling.
inline float rope_factor(json_field const& scaling) {
    auto const* type = stated(scaling, "rope_type");
    type = type == nullptr ? stated(scaling, "type") : type;
    std::string_view const word = type == nullptr ? "default" : type->as_string();
    if (word == "default") {
        return 1;
    }
    if (word != "linear") {
        throw error("JSON: " + type->path() + " is '" + std::string(word.substr(0, 80)) +
                    "'; only linear scaling and none can be run");
    }
    return static_cast<float>(scaling.at("factor").as_number());
}

inline void read_rope(json_field const& text, configuration& c) {
    if (auto const* both = stated(text, "rope_parameters")) {
        auto const& global = both->at("full_attention");
        auto const& local = both->at("sliding_attention");
        c.rope_base = json_number(global, "rope_theta", c.rope_base);
        c.rope_factor = rope_factor(global);
        c.rope_base_local = json_number(local, "rope_theta", c.rope_base_local);
        if (rope_factor(local) != 1) {
            throw error("JSON: " + local.path() + " scales positions; only global layers can");
        }
        return;
    }
    c.rope_base = json_number(text, "rope_theta", c.rope_base);
    c.rope_base_local = json_number(text, "rope_local_base_freq", c.rope_base_local);
    if (auto const* scaling = stated(text, "rope_scaling")) {
        c.rope_factor = rope_factor(*scaling);
    }
}

inline std::uint32_t json_pattern(json_field const& text, std::uint32_t layers) {
    if (auto const* types = stated(text, "layer_types")) {
        std::vector<bool> is_global;
        for (auto const* type : types->members()) {
            bool const global = type->as_string() == "full_attention";
            if (!global && type->as_string() != "sliding_attention") {
                throw error("JSON: " + type->path() + " is neither full_attention nor sliding_attention");
            }
            is_global.push_back(global);
        }
        if (is_global.size() != layers) {
            throw error("JSON: " + types->path() + " has " + std::to_string(is_global.size()) + " elements for " +
                        std::to_string(layers) + " layers; it needs one for each");
        }
        return pattern_of(is_global);
    }
    return json_count(text, "sliding_window_pattern", json_count(text, "_sliding_window_pattern", 6));
}

}  // namespace detail

/// The valid configuration that a config.json states, of a text-only checkpoint or under text_config of a multimodal
/// one. Published files are sparse: what they leave out has the default of the class that reads them.
///   vocabulary  as stated; in multimodal checkpoints 262,208 rows, the last 64 of them padding
///   source      transformers, configuration_gemma3.py: also the spellings rope_parameters, _sliding_window_pattern
///               and layer_types of its later versions
///   error       nibble::error for a field of the wrong kind or out of range, and for what this model does not have
inline configuration configuration_from(json_fields const& file) {
    auto const& root = file.root();
    auto const& model = root.at("model_type");
    if (model.as_string() != "gemma3" && model.as_string() != "gemma3_text") {
        throw error("JSON: model_type is '" + std::string(model.as_string().substr(0, 80)) +
                    "'; only gemma3 and gemma3_text can be read");
    }
    auto const* nested = detail::stated(root, "text_config");
    auto const& text = nested == nullptr ? root : *nested;
    for (auto const* level : {&root, &text}) {
        detail::expect_flag(*level, "tie_word_embeddings", true);
    }
    detail::expect_flag(text, "attention_bias", false);
    detail::expect_flag(text, "use_bidirectional_attention", false);
    detail::expect_text(text, "hidden_activation", "gelu_pytorch_tanh");
    for (auto const* name : {"final_logit_softcapping", "attn_logit_softcapping"}) {
        if (auto const* cap = detail::stated(text, name)) {
            throw error("JSON: " + cap->path() + " is set; Gemma 3 has no soft-capping");
        }
    }

    configuration c;
    c.hidden = detail::json_count(text, "hidden_size", 2304);
    c.layers = detail::json_count(text, "num_hidden_layers", 26);
    c.heads = detail::json_count(text, "num_attention_heads", 8);
    c.kv_heads = detail::json_count(text, "num_key_value_heads", 4);
    c.head_dim = detail::json_count(text, "head_dim", 256);
    c.ffn = detail::json_count(text, "intermediate_size", 9216);
    c.vocabulary = detail::json_count(text, "vocab_size", 262208);
    c.context = detail::json_count(text, "max_position_embeddings", 131072);
    c.query_pre_attn_scalar = detail::json_number(text, "query_pre_attn_scalar", 256);
    c.rms_epsilon = detail::json_number(text, "rms_norm_eps", 1e-6f);
    auto const* window = text.find("sliding_window");
    c.window = window == nullptr ? 4096 : window->is_null() ? 0 : detail::json_count(*window);
    detail::read_rope(text, c);
    c.pattern = detail::json_pattern(text, c.layers);
    validate(c);
    return c;
}

/// The ids that end a text, of a config.json or generation_config.json: eos_token_id, one or a list; 1 if there is
/// none.
inline std::vector<std::uint32_t> eos_ids_from(json_fields const& file) {
    auto const* ids = detail::stated(file.root(), "eos_token_id");
    ids = ids == nullptr ? detail::stated(file.root(), "text_config", "eos_token_id") : ids;
    if (ids == nullptr) {
        return {1};
    }
    if (ids->kind() != json_kind::array) {
        return {detail::json_count(*ids)};
    }
    std::vector<std::uint32_t> result;
    for (auto const* id : ids->members()) {
        result.push_back(detail::json_count(*id));
    }
    return result;
}

}  // namespace nibble::gemma3
