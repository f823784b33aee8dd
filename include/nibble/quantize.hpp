// SPDX-License-Identifier: Apache-2.0
#pragma once

/// From values to codes and back: quantize<S>(cpu, x) gives a packed_tensor<storage_of<S>>, dequantize its values, and
/// fake_quantize<S> the same values without storing the codes; the two agree bit for bit.

#include <nibble/quantize/convert.hpp>          // from one grid to another, without loss or by leave
#include <nibble/quantize/encode.hpp>           // the code of a value
#include <nibble/quantize/feedback.hpp>         // how the errors of a column bear on those to come
#include <nibble/quantize/fit.hpp>              // scale and zero of one group
#include <nibble/quantize/fit_super_block.hpp>  // of the groups that share a scale's scale
#include <nibble/quantize/gptq.hpp>             // codes that keep a layer's outputs
#include <nibble/quantize/gradient.hpp>         // what passes backward
#include <nibble/quantize/group.hpp>            // what a group is stored with
#include <nibble/quantize/lattice.hpp>          // whose grid holds whose values
#include <nibble/quantize/learned_step.hpp>     // steps that training learns
#include <nibble/quantize/quantize.hpp>         // quantize, dequantize, fake_quantize
#include <nibble/quantize/quantize_at.hpp>      // under scales that are given
#include <nibble/quantize/recover.hpp>          // codes and scales of values that lie on a grid
#include <nibble/quantize/second_moments.hpp>   // what gptq knows of a layer's inputs

// Not here, for the time that they take to compile: nibble/quantize/laws.hpp, nibble/quantize/check_gradient.hpp
