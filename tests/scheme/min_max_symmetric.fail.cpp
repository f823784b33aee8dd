// SPDX-License-Identifier: Apache-2.0
// expect: "min_max needs a place for the zero"
#include <nibble/scheme.hpp>

using namespace nibble;

constexpr int codes = scheme<bits<4>, min_max>::qmax;
