// SPDX-License-Identifier: Apache-2.0
// expect: "a symmetric scheme has none; use learned_step"
#include <nibble/quantize/gradient.hpp>
#include <nibble/quantize/quantize.hpp>
#include <nibble/scheme/compose.hpp>

using namespace nibble;

using s4 = scheme<bits<4>, learned_step_and_offset<>>;

gradient_matrices gradient(matrix<float> const& w) {
    return quantization_gradient<s4>(cpu{}, w, quantize<s4>(cpu{}, w), w);
}
