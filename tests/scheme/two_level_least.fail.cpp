// SPDX-License-Identifier: Apache-2.0
// expect: "a least scale is for scales of one level"
#include <nibble/scheme.hpp>

using namespace nibble;

constexpr int codes = scheme<bits<4>, per_group<32>, at_least_epsilon, scale_as<two_level<e4m3, float, 0>>>::qmax;
