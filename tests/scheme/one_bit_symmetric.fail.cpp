// SPDX-License-Identifier: Apache-2.0
// expect: "bits<1> has no positive code"
#include <nibble/scheme.hpp>

using namespace nibble;

constexpr int codes = scheme<bits<1>>::qmax;
