// SPDX-License-Identifier: Apache-2.0
// expect: "needs Offset to be the bias"
#include <nibble/scheme.hpp>

using namespace nibble;

constexpr int codes = scheme<bits<5>, truncate_after_adding<8>>::qmax;
