// SPDX-License-Identifier: Apache-2.0
// expect: "signed_code<Bits> needs 1 to 8 bits"
#include <nibble/numeric/fine_code.hpp>

using namespace nibble;

constexpr nibble::signed_code<0> code;
