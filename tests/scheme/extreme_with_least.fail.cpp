// SPDX-License-Identifier: Apache-2.0
// expect: "which a least scale would make positive"
#include <nibble/scheme.hpp>

using namespace nibble;

constexpr int codes = scheme<bits<4>, signed_extreme, at_least_epsilon>::qmax;
