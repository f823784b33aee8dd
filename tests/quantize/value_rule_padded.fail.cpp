// SPDX-License-Identifier: Apache-2.0
// expect: "does not see the zeros of zero_padded"
#include <nibble/quantize.hpp>
#include <nibble/scheme/rules.hpp>

using namespace nibble;

auto codes(matrix<float> const& x) {
    return quantize<scheme<bits<4>, per_group<32>, least_error, zero_padded>>(cpu{}, x);
}
