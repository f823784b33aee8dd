// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The layers of a transformer over quantized weights, and which scheme each role of a model gets. The bits of a result
/// do not depend on threads, on the other rows of a batch, nor (but for bf16 activations) on the instruction set.

#include <nibble/nn/attention.hpp>      // causal, grouped heads, sliding window, over a cache
#include <nibble/nn/cross_entropy.hpp>  // of one row of logits
#include <nibble/nn/embedding.hpp>      // rows of a packed table
#include <nibble/nn/gelu.hpp>           // geglu
#include <nibble/nn/kv_type.hpp>        // what keys and values are kept as
#include <nibble/nn/linear.hpp>         // the product with a weight of any kind
#include <nibble/nn/recipe.hpp>         // a map from role to scheme, as a type
#include <nibble/nn/rms_norm.hpp>       // and the residual that follows one
#include <nibble/nn/role.hpp>           // what a tensor is for
#include <nibble/nn/rope.hpp>           // rotary positions
