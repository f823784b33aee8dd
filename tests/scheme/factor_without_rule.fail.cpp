// SPDX-License-Identifier: Apache-2.0
// expect: "by_factor needs a rule that gives a factor"
#include <nibble/scheme.hpp>
#include <nibble/scheme/foreign.hpp>

using namespace nibble;

constexpr int codes = scheme<bits<4>, by_factor>::qmax;
