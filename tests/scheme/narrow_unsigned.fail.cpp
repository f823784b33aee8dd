// SPDX-License-Identifier: Apache-2.0
// expect: "narrow_range and mid_rise need a symmetric scheme"
#include <nibble/scheme.hpp>

using namespace nibble;

constexpr int codes = scheme<bits<4>, asymmetric, narrow_range>::qmax;
