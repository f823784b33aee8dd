// SPDX-License-Identifier: Apache-2.0
// expect: "takes policies only"
#include <nibble/scheme.hpp>

using namespace nibble;

constexpr int codes = scheme<q4_0, per_group<64>>::qmax;
