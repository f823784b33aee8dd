// SPDX-License-Identifier: Apache-2.0
// expect: "needs Fine to be unsigned_code<Bits>, signed_code<Bits> or e4m3"
#include <nibble/scheme.hpp>

using namespace nibble;

constexpr int codes = scheme<bits<4>, per_group<32>, scale_as<two_level<bf16, f16, 8>>>::qmax;
