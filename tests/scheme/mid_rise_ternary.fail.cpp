// SPDX-License-Identifier: Apache-2.0
// expect: "are ranges of bits<N>; other formats have levels of their own"
#include <nibble/scheme.hpp>

using namespace nibble;

constexpr int codes = scheme<ternary, mid_rise>::qmax;
