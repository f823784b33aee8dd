// SPDX-License-Identifier: Apache-2.0
#include <nibble/gemma3/tensor_names.hpp>

#include <catch2/catch_test_macros.hpp>

#include <fstream>
#include <map>
#include <string>
#include <type_traits>
#include <utility>

#include <nibble/gemma3/configuration_gguf.hpp>

using namespace nibble;
using gemma3::block_parameters;
using gemma3::configuration;
using gemma3::model_parameters;

namespace {

struct tensor_counts {
    int tensors = 0;
    int norms = 0;
    std::uint64_t embedding = 0;
    std::uint64_t matrices = 0;  // of the blocks
    std::uint64_t total = 0;

    friend constexpr bool operator==(tensor_counts const&, tensor_counts const&) = default;
};

constexpr tensor_counts counts_of(configuration const& c) {
    tensor_counts result;
    for_each_tensor(c, [&](auto entry, std::uint32_t) {
        ++result.tensors;
        result.norms += entry.is_matrix ? 0 : 1;
        result.total += entry.count(c);
        result.embedding += entry.is_matrix && !entry.in_block ? entry.count(c) : 0;
        result.matrices += entry.is_matrix && entry.in_block ? entry.count(c) : 0;
    });
    return result;
}

// Tensors, norms; parameters of the embedding, of the matrices of the blocks, of all. The millions of arXiv:2503.19786,
// table 1, written out.
static_assert(counts_of(gemma3_270m) == tensor_counts{236, 109, 167772160, 100270080, 268098176});
static_assert(counts_of(gemma3_1b) == tensor_counts{340, 157, 301989888, 697761792, 999885952});
static_assert(counts_of(gemma3_4b) == tensor_counts{444, 205, 671088640, 3208642560, 3880099328});
static_assert(counts_of(gemma3_12b) == tensor_counts{626, 289, 1006632960, 10758389760, 11765788416});
static_assert(counts_of(gemma3_27b) == tensor_counts{808, 373, 1409286144, 25598361600, 27009002240});

}  // namespace

TEST_CASE("a tensor has one name in GGUF and three in safetensors", "[gemma3]") {
    CHECK(gguf_name(gemma3::token_embd_entry) == "token_embd.weight");
    CHECK(gguf_name(gemma3::output_norm_entry) == "output_norm.weight");
    CHECK(hf_names(gemma3::token_embd_entry)[1] == "language_model.model.embed_tokens.weight");
    CHECK(hf_names(gemma3::output_norm_entry)[0] == "model.norm.weight");

    std::map<std::string, std::string> hf_of;
    for_each_tensor(gemma3_tiny, [&](auto const& entry, std::uint32_t layer) {
        CHECK(hf_of.emplace(gguf_name(entry, layer), hf_names(entry, layer)[2]).second);
    });
    CHECK(hf_of.at("blk.0.attn_norm.weight") == "model.language_model.layers.0.input_layernorm.weight");
    CHECK(hf_of.at("blk.7.attn_output.weight") == "model.language_model.layers.7.self_attn.o_proj.weight");
    CHECK(hf_of.at("blk.3.post_attention_norm.weight") ==
          "model.language_model.layers.3.post_attention_layernorm.weight");
    CHECK(hf_of.at("blk.3.ffn_norm.weight") == "model.language_model.layers.3.pre_feedforward_layernorm.weight");
    CHECK(hf_of.at("blk.3.post_ffw_norm.weight") == "model.language_model.layers.3.post_feedforward_layernorm.weight");
    CHECK(hf_of.at("blk.3.attn_k_norm.weight") == "model.language_model.layers.3.self_attn.k_norm.weight");
    CHECK(hf_of.at("blk.3.ffn_down.weight") == "model.language_model.layers.3.mlp.down_proj.weight");
}

TEST_CASE("members are walked by name, several models at once", "[gemma3]") {
    model_parameters<std::string, std::string> names;
    names.blocks.resize(3);
    for_each_parameter([](auto const& entry, std::uint32_t layer, auto& name) { name = gguf_name(entry, layer); },
                       names);
    CHECK(names.token_embd == "token_embd.weight");
    CHECK(names.blocks[0].attn_q == "blk.0.attn_q.weight");
    CHECK(names.blocks[2].ffn_down == "blk.2.ffn_down.weight");
    CHECK(names.blocks[2].post_ffw_norm == "blk.2.post_ffw_norm.weight");

    model_parameters<int, char> sizes;
    sizes.blocks.resize(3);
    int count = 0;
    for_each_parameter(
        [&](auto entry, std::uint32_t, std::string const& name, auto& size) {
            STATIC_CHECK(entry.is_matrix == std::is_same_v<decltype(size), int&>);
            size = 1;
            count += name.empty() ? 0 : 1;
        },
        std::as_const(names), sizes);
    CHECK(count == 13 * 3 + 2);
    CHECK(sizes.blocks[1].attn_v == 1);

    sizes.blocks.resize(2);
    CHECK_THROWS_AS(for_each_parameter([](auto const&...) {}, names, sizes), nibble::error);
}

TEST_CASE("a GGUF file has the tensors of its configuration, in their shapes, and no other", "[gemma3]") {
    for (auto const* name :
         {"golden/llama.cpp/tiny-a-f32.gguf", "golden/llama.cpp/tiny-c-q4_0.gguf", "malformed/001_base_accept.gguf"}) {
        std::string const path = std::string(NIBBLE_SOURCE_DIR "/../shared/") + name;
        if (!std::ifstream(path)) {
            SKIP("no golden files");
        }
        auto const file = gguf_file::open(path);
        auto const c = gemma3::configuration_from(file);
        std::size_t count = 0;
        for_each_tensor(c, [&](auto entry, std::uint32_t layer) {
            auto const& tensor = file.tensor(gguf_name(entry, layer));
            CHECK(tensor.rank == (entry.is_matrix ? 2u : 1u));
            CHECK(tensor.dims[0] == entry.columns(c));
            CHECK(tensor.dims[1] == entry.rows(c));
            ++count;
        });
        CHECK(file.tensors().size() == count);
    }
}
