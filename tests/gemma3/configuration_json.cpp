// SPDX-License-Identifier: Apache-2.0
#include <nibble/gemma3/configuration_json.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <span>
#include <string>
#include <string_view>
#include <vector>

using namespace nibble;
using Catch::Matchers::ContainsSubstring;
using gemma3::configuration;

namespace {

json_fields json(std::string_view text) { return parse_json_fields(std::as_bytes(std::span(text))); }
configuration read(std::string_view text) { return gemma3::configuration_from(json(text)); }

/// A file that states nothing but what `more` says.
configuration with(std::string const& more) { return read(R"({"model_type": "gemma3_text", )" + more + "}"); }

configuration with_padding(configuration c) {
    c.vocabulary = 262208;
    return c;
}

}  // namespace

TEST_CASE("a text-only config.json is flat", "[gemma3]") {
    CHECK(read(R"({"model_type": "gemma3_text", "vocab_size": 262144, "hidden_size": 1152, "num_hidden_layers": 26,
                   "num_attention_heads": 4, "num_key_value_heads": 1, "head_dim": 256, "intermediate_size": 6912,
                   "max_position_embeddings": 32768, "sliding_window": 512, "sliding_window_pattern": 6,
                   "query_pre_attn_scalar": 256, "rms_norm_eps": 1e-06, "rope_theta": 1000000, "rope_scaling": null,
                   "rope_local_base_freq": 10000, "attention_bias": false, "final_logit_softcapping": null,
                   "hidden_activation": "gelu_pytorch_tanh", "eos_token_id": [1, 106]})") == gemma3_1b);
}

TEST_CASE("a multimodal config.json is nested and sparse", "[gemma3]") {
    CHECK(read(R"({"model_type": "gemma3", "text_config": {"hidden_size": 2560, "intermediate_size": 10240,
                   "model_type": "gemma3_text", "num_hidden_layers": 34, "rope_scaling": {"factor": 8.0,
                   "rope_type": "linear"}, "sliding_window": 1024}, "vision_config": {"hidden_size": 1152}})") ==
          with_padding(gemma3_4b));
    CHECK(read(R"({"model_type": "gemma3", "text_config": {"hidden_size": 5376, "intermediate_size": 21504,
                   "num_hidden_layers": 62, "num_attention_heads": 32, "num_key_value_heads": 16, "head_dim": 128,
                   "query_pre_attn_scalar": 168, "rope_scaling": {"factor": 8.0, "rope_type": "linear"},
                   "sliding_window": 1024}})") == with_padding(gemma3_27b));
}

TEST_CASE("an empty config.json has the defaults of the class that reads it", "[gemma3]") {
    CHECK(with(R"("x": 0)") == configuration{2304, 26, 8, 4, 256, 9216, 262208, 4096, 6, 131072, 256});
    CHECK(with(R"("sliding_window": null)").window == 0);
}

TEST_CASE("RoPE may be spelled the old way or as rope_parameters", "[gemma3]") {
    auto const both = with(R"("rope_parameters": {
        "full_attention": {"rope_theta": 2e6, "rope_type": "linear", "factor": 4},
        "sliding_attention": {"rope_theta": 3e4, "rope_type": "default"}})");
    CHECK(both.rope_base == 2e6f);
    CHECK(both.rope_factor == 4);
    CHECK(both.rope_base_local == 3e4f);
    CHECK(with(R"("rope_scaling": {"type": "linear", "factor": 8})").rope_factor == 8);
    CHECK(with(R"("rope_scaling": {"rope_type": "default"})").rope_factor == 1);
    CHECK(with(R"("rope_theta": 5e5, "rope_local_base_freq": 2e4)").rope_base == 5e5f);

    CHECK_THROWS_WITH(with(R"("rope_scaling": {"rope_type": "yarn", "factor": 8})"), ContainsSubstring("'yarn'"));
    CHECK_THROWS_WITH(with(R"("rope_scaling": {"rope_type": "linear"})"), ContainsSubstring("factor"));
    CHECK_THROWS_WITH(with(R"("rope_parameters": {"rope_theta": 1e6})"), ContainsSubstring("full_attention"));
    CHECK_THROWS_WITH(with(R"("rope_parameters": {"full_attention": {}, "sliding_attention": {"rope_type": "linear",
                              "factor": 8}})"),
                      ContainsSubstring("only global layers can"));
}

TEST_CASE("the pattern may be a number under two names or a list of layer types", "[gemma3]") {
    CHECK(with(R"("sliding_window_pattern": 3)").pattern == 3);
    CHECK(with(R"("_sliding_window_pattern": 4)").pattern == 4);
    CHECK(with(R"("num_hidden_layers": 3, "layer_types": ["sliding_attention", "full_attention",
                  "sliding_attention"])")
              .pattern == 2);
    CHECK_THROWS_WITH(with(R"("num_hidden_layers": 2, "layer_types": ["full_attention"])"),
                      ContainsSubstring("1 elements for 2 layers"));
    CHECK_THROWS_WITH(with(R"("num_hidden_layers": 1, "layer_types": ["linear_attention"])"),
                      ContainsSubstring("neither full_attention nor"));
    CHECK_THROWS_WITH(with(R"("num_hidden_layers": 2, "layer_types": ["full_attention", "sliding_attention"])"),
                      ContainsSubstring("not periodic"));
}

TEST_CASE("the ids that end a text are one, a list, or 1", "[gemma3]") {
    using ids = std::vector<std::uint32_t>;
    CHECK(gemma3::eos_ids_from(json(R"({"eos_token_id": [1, 106]})")) == ids{1, 106});
    CHECK(gemma3::eos_ids_from(json(R"({"eos_token_id": 106})")) == ids{106});
    CHECK(gemma3::eos_ids_from(json(R"({"text_config": {"eos_token_id": 7}})")) == ids{7});
    CHECK(gemma3::eos_ids_from(json(R"({"eos_token_id": null})")) == ids{1});
    CHECK_THROWS_AS(gemma3::eos_ids_from(json(R"({"eos_token_id": -1})")), nibble::error);
}

TEST_CASE("another model, another kind of value and a value out of range are refused", "[gemma3]") {
    CHECK_THROWS_WITH(read(R"({"model_type": "gemma2"})"), ContainsSubstring("'gemma2'"));
    CHECK_THROWS_WITH(read("{}"), ContainsSubstring("model_type"));
    for (auto const* more : {R"("hidden_size": "640")", R"("hidden_size": 640.5)", R"("hidden_size": -640)",
                             R"("hidden_size": 4294967936)", R"("num_hidden_layers": 0)", R"("rms_norm_eps": 0)",
                             R"("rms_norm_eps": 1e999)", R"("attention_bias": true)", R"("tie_word_embeddings": false)",
                             R"("hidden_activation": "silu")", R"("final_logit_softcapping": 30.0)",
                             R"("use_bidirectional_attention": true)"}) {
        INFO(more);
        CHECK_THROWS_AS(with(more), nibble::error);
    }
}
