// SPDX-License-Identifier: Apache-2.0
// expect: "mid_rise need a symmetric scheme"
#include <nibble/scheme.hpp>

using namespace nibble;

constexpr int codes = scheme<bits<4>, mid_rise, asymmetric_offset>::qmax;
