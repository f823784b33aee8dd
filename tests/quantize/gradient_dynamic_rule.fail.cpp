// SPDX-License-Identifier: Apache-2.0
// expect: "dynamic_scale needs a scale that follows the extreme value alone"
#include <nibble/quantize/gradient.hpp>
#include <nibble/quantize/quantize.hpp>
#include <nibble/scheme/compose.hpp>

using namespace nibble;

using s4 = scheme<bits<4>, asymmetric, dynamic_scale<>>;

gradient_matrices gradient(matrix<float> const& w) {
    return quantization_gradient<s4>(cpu{}, w, quantize<s4>(cpu{}, w), w);
}
