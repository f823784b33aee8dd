// SPDX-License-Identifier: Apache-2.0
#pragma once

/// What training needs of the room beside <nibble/nn.hpp>: every layer back to front, losses, and the optimizer.

#include <nibble/gemm/dense_product.hpp>     // products of floats
#include <nibble/nn/adamw.hpp>               // the optimizer
#include <nibble/nn/attention_backward.hpp>  // over whole texts
#include <nibble/nn/compare_logits.hpp>      // how far a model is from another
#include <nibble/nn/embedding_backward.hpp>  // rows of a table
#include <nibble/nn/gelu_backward.hpp>       // of geglu
#include <nibble/nn/gradient_clip.hpp>       // global norm
#include <nibble/nn/loss.hpp>                // cross-entropy, distillation
#include <nibble/nn/rms_norm_backward.hpp>   // and its factors
#include <nibble/nn/rope_backward.hpp>       // rotation back
#include <nibble/nn/schedule.hpp>            // learning rates
#include <nibble/nn/seen_weight.hpp>         // stored values, for the products of one layer
#include <nibble/nn/trained_as.hpp>          // the format of a scheme, or of floats
#include <nibble/nn/trained_weight.hpp>      // a matrix as its training sees it
