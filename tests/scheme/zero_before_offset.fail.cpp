// SPDX-License-Identifier: Apache-2.0
// expect: "zero_before_rounding needs a zero point; use asymmetric"
#include <nibble/scheme.hpp>

using namespace nibble;

constexpr int codes = scheme<bits<4>, asymmetric_offset, zero_before_rounding>::qmax;
