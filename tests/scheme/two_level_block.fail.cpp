// SPDX-License-Identifier: Apache-2.0
// expect: "a two_level scale is stored once a group; use per_group<N>"
#include <nibble/scheme.hpp>

using namespace nibble;

constexpr int codes = scheme<bits<4>, per_block<4, 32>, scale_as<two_level<signed_code<6>, f16, 8>>>::qmax;
