// SPDX-License-Identifier: Apache-2.0
// expect: "nibble: recover quantizes groups that are on no grid, which takes random numbers"
#include <nibble/quantize/recover.hpp>

using namespace nibble;

auto f(matrix<float> const& x) { return recover<scheme<bits<4>, stochastic<>>>(cpu{}, x); }
