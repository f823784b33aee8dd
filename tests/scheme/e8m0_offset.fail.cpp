// SPDX-License-Identifier: Apache-2.0
// expect: "an e8m0 scale has no sign, so it cannot store an offset"
#include <nibble/scheme.hpp>

using namespace nibble;

struct offset_by_power_of_two : power_of_two_above {
    static constexpr bool serves_asymmetric = true;
};

constexpr int codes = scheme<bits<4>, asymmetric_offset, offset_by_power_of_two, scale_as<e8m0>>::qmax;
