// SPDX-License-Identifier: Apache-2.0
// expect: "needs a power-of-two rule"
#include <nibble/scheme.hpp>

using namespace nibble;

constexpr int codes = scheme<bits<4>, scale_as<e8m0>>::qmax;
