// SPDX-License-Identifier: Apache-2.0
// expect: "needs 1 <= N <= 8"
#include <nibble/scheme.hpp>

using namespace nibble;

constexpr int codes = scheme<bits<9>>::qmax;
