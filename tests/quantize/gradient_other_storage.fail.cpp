// SPDX-License-Identifier: Apache-2.0
// expect: "made under a scheme that stores other things"
#include <nibble/quantize/gradient.hpp>
#include <nibble/quantize/quantize.hpp>
#include <nibble/scheme/compose.hpp>

using namespace nibble;

using s4 = scheme<bits<4>>;
using s8 = scheme<bits<8>>;

gradient_matrices gradient(matrix<float> const& w) {
    return quantization_gradient<s4>(cpu{}, w, quantize<s8>(cpu{}, w), w);
}
