// SPDX-License-Identifier: Apache-2.0
// expect: "a scale of unsigned_code cannot hold them, use signed_code"
#include <nibble/scheme.hpp>

using namespace nibble;

constexpr int codes =
    scheme<bits<4>, per_group<32>, signed_extreme, scale_as<two_level<unsigned_code<6>, f16, 8>>>::qmax;
