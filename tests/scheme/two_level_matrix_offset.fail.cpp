// SPDX-License-Identifier: Apache-2.0
// expect: "the offsets of a whole matrix cannot share a super scale"
#include <nibble/scheme.hpp>

using namespace nibble;

constexpr int codes = scheme<bits<4>, asymmetric_offset, per_group<32>, scale_as<two_level<e4m3, float, 0>>>::qmax;
