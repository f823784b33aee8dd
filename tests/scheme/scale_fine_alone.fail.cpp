// SPDX-License-Identifier: Apache-2.0
// expect: "needs T to be float, f16, bf16, e8m0, e4m3 or two_level<Fine, Super, Groups>"
#include <nibble/scheme.hpp>

using namespace nibble;

constexpr int codes = scheme<bits<4>, per_group<32>, scale_as<unsigned_code<6>>>::qmax;
