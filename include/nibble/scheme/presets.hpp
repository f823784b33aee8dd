// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/scheme/codebook.hpp>
#include <nibble/scheme/compose.hpp>
#include <nibble/scheme/float_format.hpp>
#include <nibble/scheme/rules/ggml_k.hpp>

#include <cstddef>

namespace nibble {

// ggml's blocks of 32 columns, bit for bit: codes from the unrounded scale by its reciprocal, an all-zero group keeps
// the sign of its zero, rows are whole blocks.  source: ggml, ggml-quants.c, the reference row quantizers
template <class... More>
using ggml_scheme =
    scheme<per_group<32>, scale_as<f16>, codes_from_unrounded, reciprocal, zero_as_computed, reject_tail, More...>;

using q4_0 = ggml_scheme<bits<4>, signed_extreme, truncate_after_adding<8>>;     ///< 4.5 bits a weight
using q4_1 = ggml_scheme<bits<4>, asymmetric_offset, truncate_after_adding<0>>;  ///< 5 bits a weight
using q5_0 = ggml_scheme<bits<5>, signed_extreme, truncate_after_adding<16>>;    ///< 5.5 bits a weight
using q5_1 = ggml_scheme<bits<5>, asymmetric_offset, truncate_after_adding<0>>;  ///< 6 bits a weight
using q8_0 = ggml_scheme<bits<8>, absmax_over_qmax, round_to_nearest_away>;      ///< 8.5 bits a weight

// ggml's super-blocks of 256 columns: groups with a small scale each, and one or two f16 for all.
template <class Fine, std::size_t N, class... More>
using super_block_scheme =
    scheme<per_group<N>, scale_as<two_level<Fine, f16, 256 / N>>, zero_as_computed, reject_tail, More...>;

using q2_k = super_block_scheme<unsigned_code<4>, 16, bits<2>, asymmetric_offset,
                                ggml_offset_search<-5, 15, true>>;                      ///< 2.625 bits a weight
using q3_k = super_block_scheme<signed_code<6>, 16, bits<3>, ggml_coordinate_descent>;  ///< 3.4375 bits a weight
using q4_k = super_block_scheme<unsigned_code<6>, 32, bits<4>, asymmetric_offset,
                                ggml_offset_search<-10, 20, false>>;  ///< 4.5 bits a weight
using q5_k = super_block_scheme<unsigned_code<6>, 32, bits<5>, asymmetric_offset,
                                ggml_offset_search<-5, 15, false>>;               ///< 5.5 bits a weight
using q6_k = super_block_scheme<signed_code<8>, 16, bits<6>, ggml_scale_search>;  ///< 6.5625 bits a weight
using tq2_0 = scheme<ternary, per_group<256>, scale_as<f16>, reject_tail, codes_from_unrounded, reciprocal,
                     round_to_nearest_away, zero_as_computed>;  ///< 2.0625 bits a weight
using iq4_nl = scheme<codebook<iq4_nl_table>, per_group<32>, scale_as<f16>, signed_extreme, reject_tail>;

// OCP Microscaling and its relative with finer blocks.
using mxfp4 = scheme<e2m1, per_group<32>, scale_as<e8m0>, power_of_two_of_binade, reject_tail>;  ///< 4.25 bits a weight
/// An e4m3 scale every 16 columns, times an f32 for the whole matrix: 4.5 bits a weight.
using nvfp4 = scheme<e2m1, per_group<16>, scale_as<two_level<e4m3, float, 0>>, reject_tail>;
/// The same without a scale for the whole matrix: the blocks that ggml stores.
using nvfp4_block = scheme<e2m1, per_group<16>, scale_as<e4m3>, reject_tail>;

using nf4_g64 = scheme<nf4, per_group<64>, scale_as<float>>;                   ///< 4.5 bits a weight
using int2_g32 = scheme<bits<2>, per_group<32>>;                               ///< 2.5 bits a weight
using int3_g32 = scheme<bits<3>, per_group<32>>;                               ///< 3.5 bits a weight
using int3_g64 = scheme<bits<3>, per_group<64>>;                               ///< 3.25 bits a weight
using int4_g32 = scheme<bits<4>, per_group<32>>;                               ///< 4.5 bits a weight
using int4_g128 = scheme<bits<4>, per_group<128>>;                             ///< 4.125 bits a weight
using int4_channel = scheme<bits<4>, per_channel>;                             ///< weights, one scale an output
using int8_channel = scheme<bits<8>, per_channel>;                             ///< weights, one scale an output
using int8_token = scheme<bits<8>, per_token, narrow_range, scale_as<float>>;  ///< activations, one scale a token

}  // namespace nibble
