// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Schemes that make other systems' decisions, bit for bit: the same codes and scales for the same values. What each
/// decides, and what is left out: docs/foreign.md. Whoever only needs to read what another system wrote needs its
/// storage, not its decisions.

#include <nibble/scheme/foreign/arithmetic.hpp>          // arithmetic in the type of a tensor
#include <nibble/scheme/foreign/bitnet.hpp>              // bitnet_b158
#include <nibble/scheme/foreign/bitsandbytes.hpp>        // bitsandbytes_nf4
#include <nibble/scheme/foreign/compressed_tensors.hpp>  // compressed_tensors_int4
#include <nibble/scheme/foreign/ggml.hpp>                // ggml_mxfp4, ggml_nvfp4, ggml_iq4_nl
#include <nibble/scheme/foreign/gptq.hpp>                // gptq_sym
#include <nibble/scheme/foreign/microscaling.hpp>        // torchao_mxfp4, torchao_nvfp4
#include <nibble/scheme/foreign/mlx.hpp>                 // mlx_affine
#include <nibble/scheme/foreign/torchao.hpp>             // torchao_int4_g128, torchao_8da4w, tinygemm_int4
