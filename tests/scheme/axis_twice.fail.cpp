// SPDX-License-Identifier: Apache-2.0
// expect: "takes each decision at most once"
#include <nibble/scheme.hpp>

using namespace nibble;

constexpr int codes = scheme<bits<4>, per_channel, per_group<32>>::qmax;
