// SPDX-License-Identifier: Apache-2.0
// expect: "needs a format; add bits<N>, or another"
#include <nibble/scheme.hpp>

using namespace nibble;

constexpr int codes = scheme<per_group<32>>::qmax;
