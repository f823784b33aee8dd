// SPDX-License-Identifier: Apache-2.0
// expect: "nibble: hqq moves an offset by less than a step"
#include <nibble/scheme/compose.hpp>
#include <nibble/scheme/rules/hqq.hpp>

using namespace nibble;

group_fit fit(group_values group) { return hqq::fit<scheme<bits<4>, asymmetric, hqq>>(group); }
