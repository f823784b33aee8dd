// SPDX-License-Identifier: Apache-2.0
// expect: "the least of e8m0 scales has to be a power of two"
#include <nibble/scheme.hpp>

using namespace nibble;

constexpr int codes = scheme<bits<4>, power_of_two_above, scale_as<e8m0>, at_least_one_millionth>::qmax;
