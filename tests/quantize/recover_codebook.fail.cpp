// SPDX-License-Identifier: Apache-2.0
// expect: "nibble: recover knows grids of integers only, zero among them or an offset at code 0"
#include <nibble/quantize/recover.hpp>
#include <nibble/scheme/presets.hpp>

using namespace nibble;

auto f(matrix<float> const& x) { return recover<nf4_g64>(cpu{}, x); }
