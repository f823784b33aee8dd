// SPDX-License-Identifier: Apache-2.0
// expect: "nibble: a rule takes a positive fraction Num, Den in lowest terms"
#include <nibble/scheme/rules/mean_times.hpp>

using namespace nibble;

constexpr auto text = mean_times<2, 4>::name;
