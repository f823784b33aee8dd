// SPDX-License-Identifier: Apache-2.0
// expect: "takes each decision at most once"
#include <nibble/scheme.hpp>

using namespace nibble;

constexpr int codes = scheme<bits<4>, e2m1>::qmax;
