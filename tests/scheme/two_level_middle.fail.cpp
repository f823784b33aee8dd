// SPDX-License-Identifier: Apache-2.0
// expect: "a two_level offset does not store"
#include <nibble/scheme.hpp>

using namespace nibble;

constexpr int codes =
    scheme<bits<4>, asymmetric_middle, per_group<32>, scale_as<two_level<signed_code<6>, f16, 8>>>::qmax;
