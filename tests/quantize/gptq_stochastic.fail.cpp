// SPDX-License-Identifier: Apache-2.0
// expect: "nibble: gptq makes up for the error of every code, noise included; use a scheme that rounds to"
#include <nibble/quantize/gptq.hpp>

using namespace nibble;

auto f(matrix<float> const& w, second_moments const& h) { return gptq<scheme<bits<4>, stochastic<>>>(cpu{}, w, h); }
