// SPDX-License-Identifier: Apache-2.0
// expect: "nibble: recover knows scales of one level only"
#include <nibble/quantize/recover.hpp>
#include <nibble/scheme/presets.hpp>

using namespace nibble;

auto f(matrix<float> const& x) { return recover<q4_k>(cpu{}, x); }
