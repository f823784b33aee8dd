// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/gemma3/configuration.hpp>
#include <nibble/nn/role.hpp>
#include <nibble/numeric/error.hpp>

#include <boost/hana/accessors.hpp>
#include <boost/hana/at.hpp>
#include <boost/hana/core/to.hpp>
#include <boost/hana/define_struct.hpp>
#include <boost/hana/first.hpp>
#include <boost/hana/length.hpp>
#include <boost/hana/second.hpp>
#include <boost/hana/string.hpp>
#include <boost/hana/tuple.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace nibble::gemma3 {

/// The parameters of one block, or what belongs to each: gradients, optimizer state. Members are named as in GGUF and
/// stand in the order of block_entries.
template <class Matrix, class Vector>
struct block_parameters {
    BOOST_HANA_DEFINE_STRUCT(block_parameters,               //
                             (Vector, attn_norm),            //
                             (Matrix, attn_q),               //
                             (Matrix, attn_k),               //
                             (Matrix, attn_v),               //
                             (Vector, attn_q_norm),          //
                             (Vector, attn_k_norm),          //
                             (Matrix, attn_output),          //
                             (Vector, post_attention_norm),  //
                             (Vector, ffn_norm),             //
                             (Matrix, ffn_gate),             //
                             (Matrix, ffn_up),               //
                             (Matrix, ffn_down),             //
                             (Vector, post_ffw_norm));
};

/// The parameters of a model; the embedding is the head too.
template <class Matrix, class Vector>
struct model_parameters {
    Matrix token_embd;
    Vector output_norm;
    std::vector<block_parameters<Matrix, Vector>> blocks;
};

/// The role of a norm, which no recipe speaks of: it is f32 always.
struct norm_role {};

/// One tensor of a checkpoint, in a block or, with in_block false, of the whole model. A function that asks for role or
/// is_matrix in a constant expression takes the entry by value.
template <class Role>
struct tensor_entry {
    using size = std::uint32_t (*)(configuration const&);

    static constexpr Role role{};
    static constexpr bool is_matrix = is_role<Role>;

    std::string_view gguf;  ///< name in GGUF, and of the member; without "blk.N." and ".weight"
    std::string_view hf;    ///< name in the published safetensors files; without prefix, "layers.N." and ".weight"
    bool in_block;
    size rows;  ///< outputs of a matrix; 1 for a norm
    size columns;

    constexpr std::uint64_t count(configuration const& c) const { return std::uint64_t{rows(c)} * columns(c); }
};

/// The sizes that shapes are made of.
namespace extent {

constexpr std::uint32_t one(configuration const&) { return 1; }
constexpr std::uint32_t hidden(configuration const& c) { return c.hidden; }
constexpr std::uint32_t ffn(configuration const& c) { return c.ffn; }
constexpr std::uint32_t head_dim(configuration const& c) { return c.head_dim; }
constexpr std::uint32_t query_width(configuration const& c) { return c.query_width(); }
constexpr std::uint32_t key_width(configuration const& c) { return c.key_width(); }
constexpr std::uint32_t vocabulary(configuration const& c) { return c.vocabulary; }

}  // namespace extent

using norm_entry = tensor_entry<norm_role>;
using attention_entry = tensor_entry<std::remove_const_t<decltype(role::attention)>>;
using mlp_entry = tensor_entry<std::remove_const_t<decltype(role::mlp)>>;
using embedding_entry = tensor_entry<std::remove_const_t<decltype(role::embedding)>>;

/// The one place that names the tensors of a checkpoint. Norms hold 1 + w in GGUF and w in safetensors.
inline constexpr embedding_entry token_embd_entry{"token_embd", "embed_tokens", false, extent::vocabulary,
                                                  extent::hidden};
inline constexpr norm_entry output_norm_entry{"output_norm", "norm", false, extent::one, extent::hidden};

inline constexpr auto block_entries = boost::hana::make_tuple(
    norm_entry{"attn_norm", "input_layernorm", true, extent::one, extent::hidden},
    attention_entry{"attn_q", "self_attn.q_proj", true, extent::query_width, extent::hidden},
    attention_entry{"attn_k", "self_attn.k_proj", true, extent::key_width, extent::hidden},
    attention_entry{"attn_v", "self_attn.v_proj", true, extent::key_width, extent::hidden},
    norm_entry{"attn_q_norm", "self_attn.q_norm", true, extent::one, extent::head_dim},
    norm_entry{"attn_k_norm", "self_attn.k_norm", true, extent::one, extent::head_dim},
    attention_entry{"attn_output", "self_attn.o_proj", true, extent::hidden, extent::query_width},
    norm_entry{"post_attention_norm", "post_attention_layernorm", true, extent::one, extent::hidden},
    norm_entry{"ffn_norm", "pre_feedforward_layernorm", true, extent::one, extent::hidden},
    mlp_entry{"ffn_gate", "mlp.gate_proj", true, extent::ffn, extent::hidden},
    mlp_entry{"ffn_up", "mlp.up_proj", true, extent::ffn, extent::hidden},
    mlp_entry{"ffn_down", "mlp.down_proj", true, extent::hidden, extent::ffn},
    norm_entry{"post_ffw_norm", "post_feedforward_layernorm", true, extent::one, extent::hidden});

/// A head of its own, in a GGUF file whose embedding is not tied; it is stored as the embedding is.
inline constexpr embedding_entry output_entry{"output", "lm_head", false, extent::vocabulary, extent::hidden};

/// A name in a GGUF file; `layer` counts from 0 and is not used for a tensor of the whole model.
template <class Role>
std::string gguf_name(tensor_entry<Role> const& entry, std::uint32_t layer = 0) {
    std::string name = entry.in_block ? "blk." + std::to_string(layer) + "." : "";
    return name.append(entry.gguf).append(".weight");
}

/// The names a tensor may have in safetensors files: of text-only checkpoints, which are also the names to write; of
/// multimodal ones; and of multimodal ones that newer software has saved again.
template <class Role>
std::array<std::string, 3> hf_names(tensor_entry<Role> const& entry, std::uint32_t layer = 0) {
    std::string name = entry.in_block ? "layers." + std::to_string(layer) + "." : "";
    name.append(entry.hf).append(".weight");
    return {"model." + name, "language_model.model." + name, "model.language_model." + name};
}

namespace detail {

/// f(i), i an integral constant, for each tensor of a block.
template <class F>
constexpr void for_each_in_block(F&& f) {
    [&]<std::size_t... I>(std::index_sequence<I...>) {
        (f(std::integral_constant<std::size_t, I>{}), ...);
    }(std::make_index_sequence<decltype(boost::hana::length(block_entries))::value>{});
}

/// Member I of a block.
template <std::size_t I, class Block>
constexpr auto& member(Block& block) {
    constexpr auto accessors = boost::hana::accessors<std::remove_const_t<Block>>();
    return boost::hana::second(boost::hana::at_c<I>(accessors))(block);
}

static_assert(
    [] {
        bool same = true;
        for_each_in_block([&](auto i) {
            constexpr auto accessors = boost::hana::accessors<block_parameters<int, int>>();
            constexpr auto name = boost::hana::first(boost::hana::at_c<i()>(accessors));
            same = same && boost::hana::at_c<i()>(block_entries).gguf == boost::hana::to<char const*>(name);
        });
        return same;
    }(),
    "nibble: the entries of a block stand in the order of the members that they name");

}  // namespace detail

/// f(entry, layer) for each tensor in the order of a file: the embedding, the blocks, the last norm.
template <class F>
constexpr void for_each_tensor(configuration const& c, F&& f) {
    f(token_embd_entry, std::uint32_t{0});
    for (std::uint32_t layer = 0; layer < c.layers; ++layer) {
        detail::for_each_in_block([&](auto i) { f(boost::hana::at_c<i()>(block_entries), layer); });
    }
    f(output_norm_entry, std::uint32_t{0});
}

/// f(entry, layer, member...) for each tensor in the same order, with that member of each model: parameters, their
/// gradients, the optimizer's state. Throws nibble::error where the models differ in layers.
template <class F, class Model, class... Models>
void for_each_parameter(F&& f, Model& model, Models&... models) {
    if (((models.blocks.size() != model.blocks.size()) || ...)) {
        throw error("for_each_parameter got models of different numbers of layers; they must have the same.");
    }
    f(token_embd_entry, std::uint32_t{0}, model.token_embd, models.token_embd...);
    for (std::uint32_t layer = 0; layer < model.blocks.size(); ++layer) {
        detail::for_each_in_block([&](auto i) {
            f(boost::hana::at_c<i()>(block_entries), layer, detail::member<i()>(model.blocks[layer]),
              detail::member<i()>(models.blocks[layer])...);
        });
    }
    f(output_norm_entry, std::uint32_t{0}, model.output_norm, models.output_norm...);
}

}  // namespace nibble::gemma3
