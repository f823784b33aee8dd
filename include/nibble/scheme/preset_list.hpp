// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/scheme/foreign.hpp>
#include <nibble/scheme/presets.hpp>

#include <string_view>

namespace nibble {

/// A line of the list; `counterpart` is what another system calls the same, or empty.
template <quantization_scheme S>
struct named_preset {
    using scheme = S;
    std::string_view name;
    std::string_view counterpart;
};

/// The one list of presets that have a name: f(named_preset<S>) for each, in order.
template <class F>
constexpr void for_each_preset(F&& f) {
    f(named_preset<q4_0>{"q4_0", "ggml Q4_0"});
    f(named_preset<q4_1>{"q4_1", "ggml Q4_1"});
    f(named_preset<q5_0>{"q5_0", "ggml Q5_0"});
    f(named_preset<q5_1>{"q5_1", "ggml Q5_1"});
    f(named_preset<q8_0>{"q8_0", "ggml Q8_0"});
    f(named_preset<q2_k>{"q2_k", "ggml Q2_K"});
    f(named_preset<q3_k>{"q3_k", "ggml Q3_K"});
    f(named_preset<q4_k>{"q4_k", "ggml Q4_K"});
    f(named_preset<q5_k>{"q5_k", "ggml Q5_K"});
    f(named_preset<q6_k>{"q6_k", "ggml Q6_K"});
    f(named_preset<tq2_0>{"tq2_0", "ggml TQ2_0"});
    f(named_preset<iq4_nl>{"iq4_nl", "ggml IQ4_NL, decoding"});
    f(named_preset<mxfp4>{"mxfp4", "OCP MXFP4"});
    f(named_preset<nvfp4>{"nvfp4", "NVFP4"});
    f(named_preset<nvfp4_block>{"nvfp4_block", "ggml NVFP4, decoding"});
    f(named_preset<nf4_g64>{"nf4_g64", "QLoRA NF4"});
    f(named_preset<int2_g32>{"int2_g32", ""});
    f(named_preset<int3_g32>{"int3_g32", ""});
    f(named_preset<int3_g64>{"int3_g64", ""});
    f(named_preset<int4_g32>{"int4_g32", ""});
    f(named_preset<int4_g128>{"int4_g128", ""});
    f(named_preset<int4_channel>{"int4_channel", ""});
    f(named_preset<int8_channel>{"int8_channel", ""});
    f(named_preset<int8_token>{"int8_token", ""});
    f(named_preset<ggml_iq4_nl>{"ggml_iq4_nl", "ggml IQ4_NL"});
    f(named_preset<ggml_mxfp4>{"ggml_mxfp4", "ggml MXFP4"});
    f(named_preset<ggml_nvfp4>{"ggml_nvfp4", "ggml NVFP4"});
    f(named_preset<torchao_int4_g128>{"torchao_int4_g128", "torchao int4, groups of 128"});
    f(named_preset<torchao_8da4w>{"torchao_8da4w", "torchao 8da4w, weights"});
    f(named_preset<torchao_8da4w_tokens>{"torchao_8da4w_tokens", "torchao 8da4w, activations"});
    f(named_preset<tinygemm_int4>{"tinygemm_int4", "torchao tinygemm"});
    f(named_preset<torchao_mxfp4>{"torchao_mxfp4", "torchao MXFP4"});
    f(named_preset<torchao_nvfp4>{"torchao_nvfp4", "torchao NVFP4"});
    f(named_preset<mlx_affine<4, 64>>{"mlx_affine_4_64", "MLX affine, 4 bits, groups of 64"});
    f(named_preset<compressed_tensors_int4>{"compressed_tensors_int4", "compressed-tensors W4A16"});
    f(named_preset<compressed_tensors_int4_asymmetric>{"compressed_tensors_int4_asymmetric",
                                                       "compressed-tensors W4A16, asymmetric"});
    f(named_preset<gptq_sym>{"gptq_sym", "GPTQ, symmetric"});
    f(named_preset<bitsandbytes_nf4<64>>{"bitsandbytes_nf4", "bitsandbytes NF4"});
    f(named_preset<bitnet_b158>{"bitnet_b158", "BitNet b1.58, weights"});
    f(named_preset<bitnet_b158_tokens>{"bitnet_b158_tokens", "BitNet b1.58, activations"});
}

}  // namespace nibble
