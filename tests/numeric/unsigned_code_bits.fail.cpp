// SPDX-License-Identifier: Apache-2.0
// expect: "unsigned_code<Bits> needs 1 to 8 bits"
#include <nibble/numeric/fine_code.hpp>

using namespace nibble;

constexpr nibble::unsigned_code<9> code;
