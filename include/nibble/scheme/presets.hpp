// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/scheme/compose.hpp>

namespace nibble {

// ggml's formats, bit for bit: codes from the unrounded scale by its reciprocal, an all-zero group keeps the sign of
// its zero, rows are whole blocks.  source: ggml, ggml-quants.c, the reference row quantizers
template <class... More>
using ggml_scheme =
    scheme<per_group<32>, scale_as<f16>, codes_from_unrounded, reciprocal, zero_as_computed, reject_tail, More...>;

using q4_0 = ggml_scheme<bits<4>, signed_extreme, truncate_after_adding<8>>;     ///< 4.5 bits a weight
using q4_1 = ggml_scheme<bits<4>, asymmetric_offset, truncate_after_adding<0>>;  ///< 5 bits a weight
using q5_0 = ggml_scheme<bits<5>, signed_extreme, truncate_after_adding<16>>;    ///< 5.5 bits a weight
using q5_1 = ggml_scheme<bits<5>, asymmetric_offset, truncate_after_adding<0>>;  ///< 6 bits a weight
using q8_0 = ggml_scheme<bits<8>, absmax_over_qmax, round_to_nearest_away>;      ///< 8.5 bits a weight

/// What ggml's Q6_K decodes to: 6-bit codes, every 16 columns with the exact product of the block's f16 scale and the
/// group's 8-bit one.
using q6_k_decoded = scheme<bits<6>, per_group<16>, scale_as<float>>;

using int3_g64 = scheme<bits<3>, per_group<64>>;                               ///< 3.25 bits a weight
using int4_g32 = scheme<bits<4>, per_group<32>>;                               ///< 4.5 bits a weight
using int4_g128 = scheme<bits<4>, per_group<128>>;                             ///< 4.125 bits a weight
using int8_channel = scheme<bits<8>, per_channel>;                             ///< weights, one scale an output
using int8_token = scheme<bits<8>, per_token, narrow_range, scale_as<float>>;  ///< activations, one scale a token

}  // namespace nibble
