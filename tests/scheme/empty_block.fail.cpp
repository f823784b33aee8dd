// SPDX-License-Identifier: Apache-2.0
// expect: "per_block<R, C> needs at least one row and one column"
#include <nibble/scheme.hpp>

using namespace nibble;

constexpr int codes = scheme<bits<4>, per_block<0, 16>>::qmax;
