// SPDX-License-Identifier: Apache-2.0
// expect: "and Super to be float, f16 or bf16"
#include <nibble/scheme.hpp>

using namespace nibble;

constexpr int codes = scheme<bits<4>, per_group<32>, scale_as<two_level<unsigned_code<6>, e8m0, 8>>>::qmax;
