// SPDX-License-Identifier: Apache-2.0
// expect: "a whole row has no ragged last one"
#include <nibble/scheme.hpp>

using namespace nibble;

constexpr int codes = scheme<bits<4>, per_channel, reject_tail>::qmax;
