// SPDX-License-Identifier: Apache-2.0
// expect: "pass allow_loss{} to accept that, and see added_rms<A, B> for how much it is"
#include <nibble/quantize/convert.hpp>
#include <nibble/scheme/presets.hpp>

using namespace nibble;

auto f(packed_tensor<storage_of<int4_g32>> const& w) { return convert<int4_g32, q4_0>(cpu{}, w); }
