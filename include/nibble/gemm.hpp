// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The fused product y = epilogue(x · decode(w)ᵀ) of float activations and packed weights. Its bits do not depend on
/// threads or batch, nor, with f32 and int8 activations, on the instruction set.

#include <nibble/gemm/bf16_activations.hpp>  // activations rounded to bf16
#include <nibble/gemm/epilogue.hpp>          // what happens to a result before it is stored
#include <nibble/gemm/gemm.hpp>              // gemm
#include <nibble/gemm/int8_activations.hpp>  // activations as codes, one scale a row and segment
#include <nibble/numeric/isa.hpp>            // the instruction sets and the choice at run time
