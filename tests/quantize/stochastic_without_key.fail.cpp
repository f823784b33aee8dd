// SPDX-License-Identifier: Apache-2.0
// expect: "a scheme with stochastic rounding needs random numbers; call quantize<S>(cpu, x, random_key)"
#include <nibble/quantize.hpp>

using namespace nibble;

auto f(matrix<float> const& x) { return quantize<scheme<bits<4>, stochastic<>>>(cpu{}, x); }
