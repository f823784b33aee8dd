// SPDX-License-Identifier: Apache-2.0
// expect: "convert<A, B> got a matrix that scheme A does not store; A is the scheme that wrote it"
#include <nibble/quantize/convert.hpp>
#include <nibble/scheme/presets.hpp>

using namespace nibble;

auto f(packed_tensor<storage_of<int8_channel>> const& w) { return convert<int4_g32, q4_0>(cpu{}, w, allow_loss{}); }
