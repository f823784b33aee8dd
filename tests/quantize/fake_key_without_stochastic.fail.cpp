// SPDX-License-Identifier: Apache-2.0
// expect: "only a scheme with stochastic rounding takes a random_key; call fake_quantize<S>(cpu, x)"
#include <nibble/quantize.hpp>

using namespace nibble;

auto f(matrix<float> const& x) { return fake_quantize<scheme<bits<4>>>(cpu{}, x, random_key{1, 2, 3}); }
