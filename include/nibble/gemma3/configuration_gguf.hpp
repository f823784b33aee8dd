// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/gemma3/configuration.hpp>
#include <nibble/gemma3/layer_pattern.hpp>
#include <nibble/io/gguf.hpp>
#include <nibble/io/stored_tensor.hpp>
#include <nibble/numeric/error.hpp>

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace nibble::gemma3 {

namespace detail {

/// The scalar that the readers of a GGUF file assume, since no key carries it: hidden / heads, an integer, for the 62
/// layers of the 27B model, the head size for every other.  source: llama.cpp, the loader of gemma3
inline float assumed_query_scalar(configuration const& c) {
    return static_cast<float>(c.layers == 62 ? c.hidden / c.heads : c.head_dim);
}

/// The metadata of one gemma3 file.
class gguf_keys {
public:
    explicit gguf_keys(gguf_file const& file) : file_(file) {}

    std::uint32_t count(std::string_view name) const { return to_count(file_.at(key(name))); }
    std::uint32_t count(std::string_view name, std::uint32_t otherwise) const {
        auto const* value = file_.find(key(name));
        return value == nullptr ? otherwise : to_count(*value);
    }
    float number(std::string_view name) const { return static_cast<float>(file_.at(key(name)).as_float()); }
    float number(std::string_view name, float otherwise) const {
        auto const* value = file_.find(key(name));
        return value == nullptr ? otherwise : static_cast<float>(value->as_float());
    }
    gguf_value const* find(std::string_view name) const { return file_.find(key(name)); }

    static std::uint32_t to_count(gguf_value const& value) {
        std::uint64_t const count = value.as_uint();
        if (count > (std::numeric_limits<std::uint32_t>::max)()) {
            refuse(value, "is " + std::to_string(count) + "; a size of a model fits 32 bits");
        }
        return static_cast<std::uint32_t>(count);
    }
    [[noreturn]] static void refuse(gguf_value const& value, std::string const& why) {
        throw error("metadata key '" + std::string(value.key) + "' at byte " + std::to_string(value.offset) + " " +
                    why);
    }

private:
    static std::string key(std::string_view name) { return "gemma3." + std::string(name); }

    gguf_file const& file_;
};

inline std::uint32_t gguf_pattern(gguf_value const& value, std::uint32_t layers) {
    if (value.type != gguf_type::array) {
        return gguf_keys::to_count(value);
    }
    if (value.count != layers) {
        gguf_keys::refuse(value, "has " + std::to_string(value.count) + " elements for " + std::to_string(layers) +
                                     " layers; it needs one for each");
    }
    std::vector<bool> is_global(layers);
    for (std::uint32_t layer = 0; layer < layers; ++layer) {
        is_global[layer] = !value[layer].as_bool();
    }
    return pattern_of(is_global);
}

}  // namespace detail

/// The valid configuration that a GGUF file of architecture gemma3 states.
///   missing  head_count_kv: head_count. key_length: embedding_length / head_count. rope.freq_base and freq_base_swa:
///            10,000. rope.scaling.factor: 1. attention.sliding_window: all layers global. sliding_window_pattern: 6
///   derived  the vocabulary is the rows of token_embd.weight; the scalar of the queries is not in a file at all
///   error    nibble::error for a key that is missing, of the wrong type, or out of range, and for what this model
///            does not have: soft-capping, RoPE scaling other than linear, values of another width than keys
inline configuration configuration_from(gguf_file const& file) {
    auto const& architecture = file.at("general.architecture");
    if (architecture.as_string() != "gemma3") {
        detail::gguf_keys::refuse(architecture, "is '" + std::string(architecture.as_string().substr(0, 80)) +
                                                    "'; only the architecture gemma3 can be read");
    }
    detail::gguf_keys const keys(file);
    configuration c;
    c.context = keys.count("context_length");
    c.hidden = keys.count("embedding_length");
    c.layers = keys.count("block_count");
    c.ffn = keys.count("feed_forward_length");
    c.heads = keys.count("attention.head_count");
    c.kv_heads = keys.count("attention.head_count_kv", c.heads);
    c.head_dim = keys.count("attention.key_length", c.heads == 0 ? 0 : c.hidden / c.heads);
    c.rms_epsilon = keys.number("attention.layer_norm_rms_epsilon");
    c.rope_base = keys.number("rope.freq_base", 1e4f);
    c.rope_base_local = keys.number("rope.freq_base_swa", 1e4f);
    c.rope_factor = keys.number("rope.scaling.factor", 1.0f);
    c.window = keys.count("attention.sliding_window", 0);
    auto const embedding = stored(file, file.tensor("token_embd.weight"));
    if (embedding.columns != c.hidden || embedding.rows > (1u << 24)) {
        throw error("tensor 'token_embd.weight' is " + std::to_string(embedding.rows) + " rows of " +
                    std::to_string(embedding.columns) + "; it must be a matrix with gemma3.embedding_length, " +
                    std::to_string(c.hidden) + ", columns and at most 2^24 rows");
    }
    c.vocabulary = static_cast<std::uint32_t>(embedding.rows);
    c.query_pre_attn_scalar = 1;  // derived below, from values that are valid
    validate(c);

    c.query_pre_attn_scalar = detail::assumed_query_scalar(c);
    if (auto const* pattern = keys.find("attention.sliding_window_pattern")) {
        c.pattern = detail::gguf_pattern(*pattern, c.layers);
    }
    validate(c);
    if (auto const* width = keys.find("attention.value_length"); width != nullptr && width->as_uint() != c.head_dim) {
        detail::gguf_keys::refuse(*width, "differs from the key length " + std::to_string(c.head_dim) +
                                              "; Gemma 3 has values as wide as its keys");
    }
    if (auto const* scaling = keys.find("rope.scaling.type")) {
        if (scaling->as_string() == "none") {
            c.rope_factor = 1;
        } else if (scaling->as_string() != "linear") {
            detail::gguf_keys::refuse(*scaling, "is '" + std::string(scaling->as_string().substr(0, 80)) +
                                                    "'; only linear scaling and none can be run");
        }
    }
    for (auto const* name : {"final_logit_softcapping", "attn_logit_softcapping"}) {
        if (auto const* cap = keys.find(name); cap != nullptr && cap->as_float() != 0) {
            detail::gguf_keys::refuse(*cap, "is set; Gemma 3 has no soft-capping");
        }
    }
    return c;
}

/// f(key, value) for the metadata that states `c` in a GGUF file: value is a std::string_view, a std::uint32_t or a
/// float. Throws nibble::error, before any call, where the readers of a file would assume another scalar of the
/// queries.
template <class F>
void for_each_key(configuration const& c, F&& f) {
    validate(c);
    if (c.query_pre_attn_scalar != detail::assumed_query_scalar(c)) {
        throw error("A GGUF file cannot state query_pre_attn_scalar " + std::to_string(c.query_pre_attn_scalar) +
                    ": readers assume " + std::to_string(detail::assumed_query_scalar(c)) +
                    " for this model; write safetensors instead.");
    }
    f(std::string_view("general.architecture"), std::string_view("gemma3"));
    auto const put = [&](std::string_view name, auto value) {
        std::string const key = "gemma3." + std::string(name);
        f(std::string_view(key), value);
    };
    put("context_length", c.context);
    put("embedding_length", c.hidden);
    put("block_count", c.layers);
    put("feed_forward_length", c.ffn);
    put("attention.head_count", c.heads);
    put("attention.head_count_kv", c.kv_heads);
    put("attention.key_length", c.head_dim);
    put("attention.value_length", c.head_dim);
    put("attention.layer_norm_rms_epsilon", c.rms_epsilon);
    put("rope.freq_base", c.rope_base);
    put("rope.freq_base_swa", c.rope_base_local);
    if (c.rope_factor != 1) {
        put("rope.scaling.type", std::string_view("linear"));
        put("rope.scaling.factor", c.rope_factor);
    }
    if (c.window != 0) {
        put("attention.sliding_window", c.window);
        if (c.pattern != configuration{}.pattern) {
            put("attention.sliding_window_pattern", c.pattern);
        }
    }
}

}  // namespace nibble::gemma3
