// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/gemma3/configuration.hpp>
#include <nibble/numeric/error.hpp>

#include <charconv>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace nibble::gemma3 {

/// What a config.json states beside the configuration.
struct configuration_json_options {
    std::string_view dtype = "bfloat16";  ///< of the tensors, in torch's words
    std::optional<std::uint32_t> pad = 0, bos = 2;
    std::vector<std::uint32_t> eos{1};  ///< ids that end a text; null in the file where there is none
};

namespace detail {

/// The double that JSON shows as the shortest decimal that means `value`: 1e-06, not 9.999999974752427e-07. The decimal
/// read as a double and rounded to float is `value`, but for 7.038531e-26, which is then shown as a double.
inline double decimal(float value) {
    char text[32];
    auto const end = std::to_chars(text, text + sizeof text, value).ptr;
    double result = 0;
    std::from_chars(text, end, result);
    return static_cast<float>(result) == value ? result : static_cast<double>(value);
}

/// An integer where the value is one: the class that reads the file has some numbers as int.
inline nlohmann::json integer_or_decimal(float value) {
    bool const is_integer = value < 0x1p24f && static_cast<float>(static_cast<std::uint32_t>(value)) == value;
    return is_integer ? nlohmann::json(static_cast<std::uint32_t>(value)) : nlohmann::json(decimal(value));
}

}  // namespace detail

/// The config.json of a text-only checkpoint, as transformers reads it for Gemma3ForCausalLM. The names of RoPE are
/// those that its versions 4 and 5 both read; sliding_window_pattern is for versions before layer_types.
///   error   nibble::error for a configuration that is not valid and for a dtype other than float32, float16, bfloat16
///   note    configuration_from gives `c` again, the floats bit for bit, with two exceptions that leave every layer as
///           it is. A pattern larger than layers + 1 comes back as layers + 1. Without a window the pattern is 1, and
///           the window, which transformers asks for and no layer uses, is the context.
inline std::string configuration_to_json(configuration const& c, configuration_json_options const& options = {}) {
    validate(c);
    if (options.dtype != "float32" && options.dtype != "float16" && options.dtype != "bfloat16") {
        throw error("'" + std::string(options.dtype.substr(0, 80)) +
                    "' is no dtype of a config.json; use float32, float16 or bfloat16.");
    }
    using json = nlohmann::json;
    auto const id = [](std::optional<std::uint32_t> const& value) { return value ? json(*value) : json(nullptr); };
    auto const& ends = options.eos;
    json eos = ends.empty() ? json(nullptr) : ends.size() == 1 ? json(ends.front()) : json(ends);
    json layer_types = json::array();
    for (std::uint32_t layer = 0; layer < c.layers; ++layer) {
        layer_types.push_back(c.is_global(layer) ? "full_attention" : "sliding_attention");
    }
    json file{
        {"architectures", json::array({"Gemma3ForCausalLM"})},
        {"attention_bias", false},
        {"bos_token_id", id(options.bos)},
        {"eos_token_id", std::move(eos)},
        {"head_dim", c.head_dim},
        {"hidden_activation", "gelu_pytorch_tanh"},
        {"hidden_size", c.hidden},
        {"intermediate_size", c.ffn},
        {"layer_types", std::move(layer_types)},
        {"max_position_embeddings", c.context},
        {"model_type", "gemma3_text"},
        {"num_attention_heads", c.heads},
        {"num_hidden_layers", c.layers},
        {"num_key_value_heads", c.kv_heads},
        {"pad_token_id", id(options.pad)},
        {"query_pre_attn_scalar", detail::integer_or_decimal(c.query_pre_attn_scalar)},
        {"rms_norm_eps", detail::decimal(c.rms_epsilon)},
        {"rope_local_base_freq", detail::decimal(c.rope_base_local)},
        {"rope_scaling", nullptr},
        {"rope_theta", detail::decimal(c.rope_base)},
        {"sliding_window", c.window == 0 ? c.context : c.window},
        {"sliding_window_pattern", c.window == 0 ? 1 : c.pattern},
        {"tie_word_embeddings", true},
        {"torch_dtype", options.dtype},
        {"vocab_size", c.vocabulary},
    };
    if (c.rope_factor != 1) {
        file["rope_scaling"] = {{"factor", detail::decimal(c.rope_factor)}, {"rope_type", "linear"}};
    }
    return file.dump(2) + "\n";
}

}  // namespace nibble::gemma3
