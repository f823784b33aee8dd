// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/io/ggml_k_blocks.hpp>
#include <nibble/io/ggml_level_blocks.hpp>
#include <nibble/io/ggml_plain_blocks.hpp>
#include <nibble/scheme/presets.hpp>

#include <string_view>

namespace nibble {

/// ggml's block of a storage: where its codes and scales lie. Only the storages that ggml has a type for have one.
template <class Storage>
struct ggml_block;
template <>
struct ggml_block<storage_of<q4_0>> : ggml_plain_block<4, false> {};
template <>
struct ggml_block<storage_of<q4_1>> : ggml_plain_block<4, true> {};
template <>
struct ggml_block<storage_of<q5_0>> : ggml_plain_block<5, false> {};
template <>
struct ggml_block<storage_of<q5_1>> : ggml_plain_block<5, true> {};
template <>
struct ggml_block<storage_of<q8_0>> : ggml_plain_block<8, false> {};
template <>
struct ggml_block<storage_of<q2_k>> : ggml_block_q2_k {};
template <>
struct ggml_block<storage_of<q3_k>> : ggml_block_q3_k {};
template <>
struct ggml_block<storage_of<q4_k>> : ggml_block_q4_k {};
template <>
struct ggml_block<storage_of<q5_k>> : ggml_block_q5_k {};
template <>
struct ggml_block<storage_of<q6_k>> : ggml_block_q6_k {};
template <>
struct ggml_block<storage_of<tq2_0>> : ggml_block_tq2_0 {};
template <>
struct ggml_block<storage_of<iq4_nl>> : ggml_block_iq4_nl {};
template <>
struct ggml_block<storage_of<mxfp4>> : ggml_block_mxfp4 {};
template <>
struct ggml_block<storage_of<nvfp4_block>> : ggml_block_nvfp4 {};

/// The name of ggml's type for a storage; empty where ggml has none.
template <class Storage>
inline constexpr std::string_view ggml_name_of = [] {
    if constexpr (requires { ggml_block<Storage>::name; }) {
        return ggml_block<Storage>::name;
    } else {
        return std::string_view{};
    }
}();

}  // namespace nibble
