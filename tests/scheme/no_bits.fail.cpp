// SPDX-License-Identifier: Apache-2.0
// expect: "needs a bit width; add bits<N>"
#include <nibble/scheme.hpp>

using namespace nibble;

constexpr int codes = scheme<per_group<32>>::qmax;
