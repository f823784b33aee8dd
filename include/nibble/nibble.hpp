// SPDX-License-Identifier: Apache-2.0
#pragma once

/// What needs a C++20 compiler and Boost.Hana only, from the left room to the right. Two headers cost a compiler as
/// much as a room, and are left to those who need them: <nibble/tensor/thread_pool.hpp>, and the recipes that have
/// names, <nibble/nn/recipes.hpp>.

// clang-format off: the order of the rooms
#include <nibble/numeric.hpp>   // storage types, rounding, random numbers
#include <nibble/scheme.hpp>    // a quantization scheme is a type
#include <nibble/tensor.hpp>    // matrices and packed tensors
#include <nibble/quantize.hpp>  // from values to codes and back
#include <nibble/gemm.hpp>      // the product with packed weights
#include <nibble/nn.hpp>        // layers, roles and recipes
// clang-format on
