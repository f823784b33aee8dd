// SPDX-License-Identifier: Apache-2.0
// expect: "needs at least one column"
#include <nibble/scheme.hpp>

using namespace nibble;

constexpr int codes = scheme<bits<4>, per_group<0>>::qmax;
