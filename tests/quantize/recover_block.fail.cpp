// SPDX-License-Identifier: Apache-2.0
// expect: "nibble: recover knows groups along rows only"
#include <nibble/quantize/recover.hpp>

using namespace nibble;

auto f(matrix<float> const& x) { return recover<scheme<bits<4>, per_block<4, 32>>>(cpu{}, x); }
