// SPDX-License-Identifier: Apache-2.0
#include <nibble/gemma3/configuration_json.hpp>
#include <nibble/gemma3/configuration_json_writer.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <bit>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <vector>

using namespace nibble;
using Catch::Matchers::ContainsSubstring;
using gemma3::configuration;
using gemma3::configuration_to_json;

namespace {

json_fields fields(std::string const& text) { return parse_json_fields(std::as_bytes(std::span(text))); }
configuration there_and_back(configuration const& c) {
    return gemma3::configuration_from(fields(configuration_to_json(c)));
}

}  // namespace

TEST_CASE("a configuration written as config.json reads back as it was", "[gemma3]") {
    for (auto const& entry : gemma3::configurations) {
        INFO(entry.name);
        CHECK(there_and_back(entry.value) == entry.value);
    }
    configuration c{10, 7, 6, 3, 2, 5, 11, 9, 4, 13};
    c.query_pre_attn_scalar = 0x1.fffffep0f;
    c.rope_factor = 1.0f / 3;
    c.rms_epsilon = std::numeric_limits<float>::denorm_min();
    c.rope_base = std::numeric_limits<float>::max();
    c.rope_base_local = 7.038531e-26f;
    CHECK(there_and_back(c) == c);
    c.pattern = c.layers + 1;
    CHECK(there_and_back(c) == c);
    c.pattern = 1;
    CHECK(there_and_back(c) == c);
}

TEST_CASE("every float of a config.json is read back bit for bit", "[gemma3]") {
    // 7919 is coprime to 2^31: a walk over all exponents. One decimal lies so near the middle of two floats that
    // reading it as a double first gives the neighbour.
    constexpr float in_the_middle = 7.038531e-26f;
    CHECK(gemma3::detail::decimal(in_the_middle) == static_cast<double>(in_the_middle));
    CHECK(gemma3::detail::decimal(1e-6f) == 1e-6);
    bool same = true;
    for (std::uint32_t bits = 1; bits < 0x7f800000; bits += 7919) {
        auto const value = std::bit_cast<float>(bits);
        same = same && static_cast<float>(gemma3::detail::decimal(value)) == value;
        same = same && gemma3::detail::integer_or_decimal(value).get<float>() == value;
    }
    CHECK(same);
}

TEST_CASE("what no layer shows may come back otherwise, each layer as it was", "[gemma3]") {
    configuration c{10, 7, 6, 3, 2, 5, 11, 9, 40, 13};
    auto expected = c;
    expected.pattern = 8;
    CHECK(there_and_back(c) == expected);
    c.window = 0;
    expected.window = c.context;
    expected.pattern = 1;
    CHECK(there_and_back(c) == expected);
    for (std::uint32_t layer = 0; layer < c.layers; ++layer) {
        CHECK(expected.is_global(layer) == c.is_global(layer));
    }
}

TEST_CASE("config.json has transformers' spelling", "[gemma3]") {
    configuration c{10, 3, 6, 3, 2, 5, 11, 9, 2, 13};
    c.rope_factor = 8;
    CHECK(configuration_to_json(c, {.dtype = "float32", .pad = {}, .bos = 3, .eos = {1, 106}}) == R"({
  "architectures": [
    "Gemma3ForCausalLM"
  ],
  "attention_bias": false,
  "bos_token_id": 3,
  "eos_token_id": [
    1,
    106
  ],
  "head_dim": 2,
  "hidden_activation": "gelu_pytorch_tanh",
  "hidden_size": 10,
  "intermediate_size": 5,
  "layer_types": [
    "sliding_attention",
    "full_attention",
    "sliding_attention"
  ],
  "max_position_embeddings": 13,
  "model_type": "gemma3_text",
  "num_attention_heads": 6,
  "num_hidden_layers": 3,
  "num_key_value_heads": 3,
  "pad_token_id": null,
  "query_pre_attn_scalar": 256,
  "rms_norm_eps": 1e-06,
  "rope_local_base_freq": 10000.0,
  "rope_scaling": {
    "factor": 8.0,
    "rope_type": "linear"
  },
  "rope_theta": 1000000.0,
  "sliding_window": 9,
  "sliding_window_pattern": 2,
  "tie_word_embeddings": true,
  "torch_dtype": "float32",
  "vocab_size": 11
}
)");
    auto const plain = fields(configuration_to_json(gemma3_1b));
    CHECK(plain.at("rope_scaling").is_null());
    CHECK(plain.at("torch_dtype").as_string() == "bfloat16");
}

TEST_CASE("the ids that end a text are one number, a list, or null", "[gemma3]") {
    using ids = std::vector<std::uint32_t>;
    auto const eos = [](ids const& list) { return fields(configuration_to_json(gemma3_tiny, {.eos = list})); };
    for (auto const& list : {ids{7}, ids{1, 106}}) {
        CHECK(gemma3::eos_ids_from(eos(list)) == list);
    }
    CHECK(eos({7}).at("eos_token_id").as_integer() == 7);
    CHECK(eos({}).at("eos_token_id").is_null());
}

TEST_CASE("no config.json is made that could not be read", "[gemma3]") {
    CHECK_THROWS_WITH(configuration_to_json({}), ContainsSubstring("the hidden size is 0"));
    auto c = gemma3_tiny;
    c.rope_base = std::numeric_limits<float>::infinity();
    CHECK_THROWS_WITH(configuration_to_json(c), ContainsSubstring("RoPE base"));
    CHECK_THROWS_WITH(configuration_to_json(gemma3_tiny, {.dtype = "int4"}), ContainsSubstring("'int4' is no dtype"));
}
