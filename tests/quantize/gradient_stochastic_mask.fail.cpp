// SPDX-License-Identifier: Apache-2.0
// expect: "stochastic rounding draws and a code does not tell; use clip_inclusive"
#include <nibble/quantize/gradient.hpp>
#include <nibble/quantize/quantize.hpp>
#include <nibble/scheme/compose.hpp>

using namespace nibble;

using s4 = scheme<bits<4>, stochastic<16>>;

gradient_matrices gradient(matrix<float> const& w) {
    return quantization_gradient<s4>(cpu{}, w, quantize<s4>(cpu{}, w, random_key{}), w);
}
