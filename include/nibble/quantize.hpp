// SPDX-License-Identifier: Apache-2.0
#pragma once

/// From values to codes and back: quantize<S>(cpu, x) gives a packed_tensor<storage_of<S>>, dequantize its values, and
/// fake_quantize<S> the same values without storing the codes; the two agree bit for bit.

#include <nibble/quantize/group.hpp>     // scale and zero of one group, the code of one value
#include <nibble/quantize/quantize.hpp>  // quantize, dequantize, fake_quantize
