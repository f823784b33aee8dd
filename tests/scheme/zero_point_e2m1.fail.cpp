// SPDX-License-Identifier: Apache-2.0
// expect: "a zero point or an offset goes with bits<N>"
#include <nibble/scheme.hpp>

using namespace nibble;

constexpr int codes = scheme<e2m1, asymmetric>::qmax;
